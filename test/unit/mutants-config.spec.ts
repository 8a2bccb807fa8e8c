import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(join(process.cwd(), 'x.js'));
const { mutate } = JSON.parse(readFileSync('stryker.config.json', 'utf8')) as { mutate: string[] };
const { testMatch } = require('./jest.mutants.config.js') as { testMatch: [string] };

/** `a/{b,c}.ts` is `a/b.ts` and `a/c.ts`. */
function spelledOut(pattern: string): string[] {
  const [, before = '', choices, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? [];
  return choices === undefined ? [pattern] : choices.split(',').map((choice) => before + choice + after);
}

const runs = spelledOut(testMatch[0]).map(
  (pattern) => new RegExp(`^${pattern.replace('<rootDir>/', '').replaceAll('*', '[^/]*')}$`),
);

it.each(mutate.flatMap(spelledOut))('%s exists, and specs beside it are run against its mutants', (file) => {
  expect(existsSync(file)).toBe(true);
  expect(runs.some((run) => run.test(`${dirname(file)}/any.spec.ts`))).toBe(true);
});
