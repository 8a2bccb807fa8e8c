import { readdirSync, readFileSync } from 'node:fs';

// That a block is in the file it names, `npm run check:docs` checks.
it.each(['docs/contexts.md', 'docs/testing.md'])('all code in %s comes from files that tests run', (page) => {
  const text = readFileSync(page, 'utf8');
  const blocks = text.match(/^```ts$/gm) ?? [];
  expect(blocks.length).toBeGreaterThan(0);
  expect(text.match(/^<!-- from test\/\S+ -->\n\n```ts$/gm)).toHaveLength(blocks.length);
});

const files = (folder: string, ending: RegExp): string[] =>
  readdirSync(folder).flatMap((file) => (ending.test(file) ? [`${folder}/${file}`] : []));
const examples = [...files('test/docs', /(?<!\.spec)\.ts$/), ...files('test/e2e/contexts', /\.example\.ts$/)];

it.each(examples)('some page shows the code of %s', (file) => {
  const pages = files('docs', /\.md$/).map((page) => readFileSync(page, 'utf8'));
  expect(pages.filter((page) => page.includes(`<!-- from ${file} -->`))).not.toEqual([]);
});

it('tests four calls, one alert and the next minute in under 25 lines', () => {
  expect(readFileSync('test/e2e/testing/evaluations.spec.ts', 'utf8').trim().split('\n').length).toBeLessThan(25);
});
