import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The page that shows the way through the files: a name in it that is gone would send its reader astray. */
const page = readFileSync('docs/architecture.md', 'utf8');
const steps = [...page.matchAll(/^```\n([^]*?)^```/gm)].flatMap(([, block = '']) => block.trimEnd().split('\n'));
/** What a step is called, its file or folder, and perhaps a file beside that. */
const STEP = /^ *(\S.*?) {2,}([\w./-]+)(?:, ([\w.-]+))?(?: |$)/;

it('shows the ways of a request, an alert, its end, an option, a threshold, and a count to page and terminal', () => {
  expect(steps.length).toBeGreaterThan(60);
});

it.each(steps)('%s', (step) => {
  const [, names, file, beside = '.'] = STEP.exec(step) as unknown as [string, string, string, string?];
  const path = join('src', file);
  expect([path, join(dirname(path), beside)].filter((each) => !existsSync(each))).toEqual([]);
  if (statSync(path).isDirectory()) return;
  // Of `Counter.add` the class and the method, of `MonitorRate('llm_call')` no arguments.
  for (const name of names.split(/[, .]+/).map((each) => each.replace(/^@|\(.*$/g, '')))
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`\\b${name}\\b`));
});

const named = [...page.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.tsx?)`/g)].map(([, file = '']) => file);

it.each([...new Set(named)])('`%s` is a file', (file) => {
  expect([file, `src/${file}`].some((path) => existsSync(path))).toBe(true);
});
