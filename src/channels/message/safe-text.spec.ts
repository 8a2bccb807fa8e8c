import fc from 'fast-check';

import { discordCategory, discordText, plainText, slackText } from './safe-text.js';

const anything = fc.string({ unit: 'binary', maxLength: 300 });
const most = fc.integer({ min: 2, max: 100 });

describe('discordText', () => {
  it.each([
    ['Acme & Söhne 東京', 'Acme & Söhne 東京'],
    ['@everyone', '\\@everyone'],
    ['<@&1>', '\\<\\@&1\\>'],
    ['[a](http://b)', '\\[a\\]\\(http\\://b\\)'],
    ['**a** _b_ ~~c~~ ||d|| `e`', '\\*\\*a\\*\\* \\_b\\_ \\~\\~c\\~\\~ \\|\\|d\\|\\| \\`e\\`'],
    ['a\n# b', 'a \\# b'],
    ['\\', '\\\\'],
    ['', '–'],
    ['\u200B\n', '–'],
  ])('writes %j as %j', (text, safe) => expect(discordText(text, 200)).toBe(safe));

  it('is shown as the original text if there is room', () => {
    fc.assert(
      fc.property(anything, (text) => {
        expect(discordText(text, 1_000).replace(/\\([^0-9A-Za-z\s])/g, '$1')).toBe(plainText(text, 1_000));
      }),
    );
  });

  it('truncates between characters, never between a character and its escape', () => {
    expect([4, 5, 6, 7].map((length) => discordText('a**b', length))).toEqual([
      'a\\*…',
      'a\\*…',
      'a\\*\\*b',
      'a\\*\\*b',
    ]);
    expect(discordText('😀😀😀', 5)).toBe('😀😀…');
    fc.assert(
      fc.property(anything, most, (text, length) => {
        const safe = discordText(text, length);
        expect(safe.length).toBeLessThanOrEqual(length);
        expect(safe.replace(/\\[^0-9A-Za-z\s…]/g, '')).not.toContain('\\');
        expect(safe).not.toMatch(/\p{Cs}/u);
      }),
    );
  });
});

it('discordCategory leaves names that do not affect formatting unchanged', () => {
  expect(discordCategory('llm_call', 80)).toBe('llm_call');
  expect([discordCategory('a_b_c', 80), discordCategory('a_b', 3)]).toEqual(['a_b_c', 'a_b']);
  expect(discordCategory('a__b__c', 80)).toBe('a\\_\\_b\\_\\_c');
  expect(discordCategory('a_', 80)).toBe('a\\_');
  expect(discordCategory('a'.repeat(90), 80)).toHaveLength(80);
});

it('slackText escapes everything that begins a mention, and is never truncated within an entity', () => {
  expect(slackText('<!channel> & co', 100)).toBe('&lt;!channel&gt; &amp; co');
  fc.assert(
    fc.property(anything, most, (text, length) => {
      const safe = slackText(text, length);
      expect(safe.length).toBeLessThanOrEqual(length);
      expect(safe.replace(/&(amp|lt|gt);/g, '')).not.toMatch(/[&<>]/);
    }),
  );
});
