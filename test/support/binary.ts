import { execFileSync } from 'node:child_process';

/** A program that tests need, and how to install it. */
interface Program {
  /** In order of preference. */
  names: readonly string[];
  /** Names of the Debian and Homebrew packages. */
  apt: string;
  brew: string;
  /** Why the tests need it. */
  why: string;
}

/** Path of a program. Installs it if it is missing and this process has the rights; otherwise throws with the command to run. */
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
      // Not found; try the next.
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
