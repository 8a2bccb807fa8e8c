import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

interface Rule {
  name: string;
  from: { path?: string; pathNot?: string };
}

const { forbidden } = createRequire(join(process.cwd(), 'x.js'))('./.dependency-cruiser.js') as { forbidden: Rule[] };
const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => `src/${file}`)
  .filter((file) => file.endsWith('.ts'));

it.each(forbidden)('the rule $name applies to some file', ({ from }) => {
  const { path = '', pathNot } = from;
  const held = files.filter((file) => new RegExp(path).test(file) && !(pathNot && new RegExp(pathNot).test(file)));
  expect(held).not.toEqual([]);
});
