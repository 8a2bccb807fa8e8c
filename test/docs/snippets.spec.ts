import { readFileSync } from 'node:fs';

const BLOCK = /(?:<!-- from (\S+) -->\n\n)?```ts\n([^]*?)```/g;

/** The lines without their indentation, which a file may nest deeper. */
function unindented(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
}

describe.each(['docs/contexts.md', 'docs/testing.md'])('the code in %s', (page) => {
  const blocks = [...readFileSync(page, 'utf8').matchAll(BLOCK)].map(([, file, code]) => ({ file, code: code ?? '' }));

  it('is there', () => expect(blocks.length).toBeGreaterThan(0));

  it.each(blocks)('is what a test runs, in $file', ({ file, code }) => {
    expect(code.trim()).not.toBe('');
    expect(unindented(readFileSync(file as string, 'utf8'))).toContain(unindented(code));
  });
});

it('tests four calls, one alert and the next minute in under 25 lines', () => {
  expect(readFileSync('test/e2e/testing/evaluations.spec.ts', 'utf8').trim().split('\n').length).toBeLessThan(25);
});
