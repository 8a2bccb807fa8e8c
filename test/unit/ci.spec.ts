import { readdirSync, readFileSync } from 'node:fs';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const workflow = readFileSync('.github/workflows/ci.yml', 'utf8');
const run = readFileSync('.ci/run', 'utf8');

/** The words of a list of the workflow, `key: [a, b c]`. */
function listed(key: string): string[] {
  return [...workflow.matchAll(new RegExp(`\\b${key}: \\[(.*)\\]`, 'g'))].flatMap(([, items = '']) =>
    items.split(/[ ,]+/),
  );
}

describe('the matrix of CI', () => {
  const parts = [...listed('part'), ...[...workflow.matchAll(/- \{ part: (\w+)/g)].map(([, part = '']) => part)];

  it.each(parts)('%s is a part of .ci/run', (part) => expect(run).toMatch(new RegExp(`^${part}\\(\\) `, 'm')));

  it('runs each spec in one part', () => {
    const folders = parts.map((part) => scripts[`test:${part}`]?.match(/\b(?:src|test)\S*/g) ?? []);
    const specs = ['src', 'test'].flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .map((file) => `${root}/${file}`)
        .filter((file) => file.endsWith('.spec.ts')),
    );
    const misplaced = specs.filter(
      (spec) => folders.filter((some) => some.some((folder) => spec.startsWith(`${folder}/`))).length !== 1,
    );
    expect(misplaced).toEqual([]);
  });

  it('runs each app of compat', () => {
    const apps = [...readFileSync('compat/consumers.mjs', 'utf8').matchAll(/^ {2,4}(?:\{ )?name: '(.*?)',/gm)];
    expect(listed('app').sort()).toEqual(apps.map(([, name]) => name).sort());
  });
});
