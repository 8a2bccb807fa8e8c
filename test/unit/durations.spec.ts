import { readdirSync, readFileSync } from 'node:fs';

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!\.spec)\.tsx?$/.test(file),
);

it('a duration has one value, wherever its name stands', () => {
  const values = new Map<string, Map<number, string[]>>();
  for (const file of files) {
    const constants = readFileSync(`src/${file}`, 'utf8').matchAll(
      /^(?:export )?const (\w+_MS)(?:: number)? = ([\d_ *]+);$/gm,
    );
    for (const [, name = '', expression = ''] of constants) {
      const value = expression.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
      const places = values.get(name) ?? new Map<number, string[]>();
      values.set(name, places.set(value, [...(places.get(value) ?? []), file]));
    }
  }
  expect(values.size).toBeGreaterThan(40);
  const double = [...values].filter(([, places]) => places.size > 1);
  expect(double.map(([name, places]) => [name, Object.fromEntries(places)])).toEqual([]);
});
