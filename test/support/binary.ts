import { execFileSync } from 'node:child_process';

/** A program that tests run, and how to get it. */
export interface Program {
  /** In order of preference. */
  names: readonly string[];
  /** Packages of Debian and of Homebrew. */
  apt: string;
  brew: string;
  /** What the tests do with it. */
  why: string;
}

/** Path of a program. Installs it if it is missing and this process may; else says which command does. */
export function binaryOf(program: Program): string {
  const { apt, brew, why, names } = program;
  const found = find(names) ?? install(program);
  if (found === undefined)
    throw new Error(
      `${why}, and there is no ${names[0]} here. Install it: \`sudo apt-get install ${apt}\` or \`brew install ${brew}\``,
    );
  return found;
}

function find(names: readonly string[]): string | undefined {
  for (const name of names) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

function install({ names, apt, brew }: Program): string | undefined {
  const ways = [
    [
      'apt-get',
      `apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${apt}`,
    ],
    ['brew', `brew install ${brew}`],
  ] as const;
  for (const [manager, command] of ways) {
    try {
      execFileSync('sh', ['-c', `command -v ${manager} && ${command}`], { stdio: 'ignore' });
    } catch {
      continue;
    }
    const installed = find(names);
    if (installed) return installed;
  }
  return undefined;
}
