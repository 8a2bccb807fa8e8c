import { readFileSync } from 'node:fs';

it('docs/bundlers.md names every optional package, for each bundler', () => {
  const docs = readFileSync('docs/bundlers.md', 'utf8');
  const source = readFileSync('src/util/optional-peers.ts', 'utf8');
  const optional = [...source.matchAll(/optional\('([^']+)'/g)].map(([, name]) => name as string);
  expect(optional.length).toBeGreaterThan(2);
  for (const name of optional) {
    expect(docs).toContain(`--external:${name}`);
    expect(docs).toContain(`'${name}': 'commonjs ${name}'`);
  }
});
