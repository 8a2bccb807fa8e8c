import { existsSync, readFileSync, statSync } from 'node:fs';

/** The page that shows the way through the files: a name in it that is gone would send its reader astray. */
const page = readFileSync('docs/architecture.md', 'utf8');
const steps = [...page.matchAll(/^```\n([^]*?)^```/gm)]
  .flatMap(([, block = '']) => block.trimEnd().split('\n'))
  // What a step is called, its file or folder, and what it does.
  .map((line) => /^ *(\S.*?) {2,}([\w./-]+)(?:, (\S+))? /.exec(line) ?? [line, '', ''])
  .map(([line, names = '', ...files]) => ({ line, names, files: files.filter((file) => file !== undefined) }));

it('shows the ways of a request, an alert, its end, an option, a threshold, and a count to page and terminal', () => {
  expect(steps.length).toBeGreaterThan(60);
});

it.each(steps)('$line', ({ names, files }) => {
  const [file = ''] = files.map((each) => `src/${each}`);
  expect(existsSync(file)).toBe(true);
  if (statSync(file).isDirectory()) return;
  // Of `Counter.add` the class and the method, of `Told.send(...)` no arguments.
  for (const name of names.split(/[, .]+/).map((each) => each.replace(/\(.*$/, '')))
    expect(readFileSync(file, 'utf8')).toContain(name.replace('@', ''));
});

const named = [...page.matchAll(/`((?:[\w-]+\/)+[\w.-]+\.tsx?)`/g)].map(([, file = '']) => file);

it.each([...new Set(named)])('`%s` is a file', (file) => {
  expect([file, `src/${file}`].some((path) => existsSync(path))).toBe(true);
});
