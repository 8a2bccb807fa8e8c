import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const { mutate } = JSON.parse(readFileSync('stryker.config.json', 'utf8')) as { mutate: string[] };

/** `a/{b,c}.ts` is `a/b.ts` and `a/c.ts`. */
function spelledOut(pattern: string): string[] {
  const [, before = '', choices, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? [];
  return choices === undefined ? [pattern] : choices.split(',').map((choice) => before + choice + after);
}

/** The files that a spec imports more than types of, by itself or with a helper. */
function importedBy(file: string): string[] {
  const imports = readFileSync(file, 'utf8').matchAll(/^import (?!type )[^;]*from '(\.[^']*)\.js'/gm);
  const paths = Array.from(imports, ([, path]) => join(dirname(file), `${path}.ts`));
  return paths.flatMap((path) => (path.startsWith('test/support/') ? importedBy(path) : path));
}

/** What `jest.mutants.config.js` runs. */
const specs = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.spec.ts'));
const tested = new Set(specs.flatMap((spec) => importedBy(join('src', spec))));

it.each(mutate.flatMap(spelledOut))(
  '%s exists, and a unit spec imports it, so that its mutants can be noticed',
  (file) => {
    expect(existsSync(file)).toBe(true);
    expect(tested).toContain(file);
  },
);

it('CONTRIBUTING scores only files that are mutated', () => {
  const rows = readFileSync('CONTRIBUTING.md', 'utf8').match(/^\| `.*\|$/gm) ?? [];
  const scored = rows
    .flatMap((row) => row.split('|').filter((_, i) => i % 2 === 1))
    .flatMap((cell) => {
      const [first = '', ...beside] = Array.from(cell.matchAll(/`(.*?)`/g), ([, name = '']) => name);
      return [first, ...beside.map((name) => join(dirname(first), name))];
    })
    .filter((name) => name !== '');
  expect(scored.length).toBeGreaterThan(30);
  const mutated = mutate.flatMap(spelledOut);
  expect(scored.filter((name) => !mutated.includes(`src/${name}.ts`))).toEqual([]);
});
