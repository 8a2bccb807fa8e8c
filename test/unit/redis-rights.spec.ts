import { readFileSync } from 'node:fs';

const [, listed = ''] =
  /^ACL SETUSER rate_monitor (\+append .*)$/m.exec(readFileSync('docs/operations.md', 'utf8')) ?? [];
const files = ['redis-counter-store', 'redis-shared-state', 'redis-usage-store', 'publish-script', 'usage-scripts'];
const source = files.map((file) => readFileSync(`src/store/redis/${file}.ts`, 'utf8')).join('\n');

it.each(listed.split(' ').map((right) => right.replace('+', '')))('the right to %s is used', (right) => {
  const [command = ''] = right.split('|');
  expect(source).toMatch(new RegExp(`'${command.toUpperCase()}'|\\.${command}\\(`));
});
