import { readdirSync, readFileSync } from 'node:fs';

/** Words that no native engineer writes today, each with what to write instead. */
const DIALECT: Record<string, string> = {
  anew: 'again',
  mend: 'fix',
  thereby: 'so',
  whilst: 'while',
  upon: 'on',
  lest: 'so that … not',
  hence: 'so',
  thus: 'so',
  shall: 'must',
  'small letters': 'lowercase letters',
  'held against': 'compared with',
  'of another form': 'not in the expected form',
  'set beside': 'set together with',
  'for good': 'permanently',
  'for ever': 'forever',
  'lets go of': 'drops',
  'worth while': 'worthwhile',
  'late comers': 'latecomers',
};
const WORDS = new RegExp(`\\b(${Object.keys(DIALECT).join('|')})\\b`, 'gi');

const files = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', '.env.example'],
  ...['docs', 'src', 'demo', 'test'].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' }).map((file) => `${root}/${file}`),
  ),
].filter((file) => /\.(md|tsx?)$|\.example$/.test(file) && !/built-assets|plain-words/.test(file));

it('pages, messages, comments and test names use plain modern words', () => {
  const found = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(WORDS)].map(
      ([word]) => `${file}: "${word}", write "${DIALECT[word.toLowerCase()]}"`,
    ),
  );
  expect(files.length).toBeGreaterThan(200);
  expect(found).toEqual([]);
});
