import fc from 'fast-check';

import { duration, oneLine, reasonOf } from './text.js';

describe('oneLine', () => {
  it('leaves plain text as it is', () => expect(oneLine('Acme & Söhne 東京')).toBe('Acme & Söhne 東京'));

  it('takes out what breaks a line or turns its direction', () => {
    expect(oneLine('a\nwarn RateMonitor: forged\r\u2028\u202Eevil\u200B\u0000')).toBe(
      'a warn RateMonitor: forged evil',
    );
  });

  it('cuts, with a mark, between characters', () => {
    expect(oneLine('abcdef', 4)).toBe('abc…');
    expect(oneLine('😀😀😀😀', 4)).toBe('😀…');
  });

  it('never has more characters than asked for, nor a second line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), fc.integer({ min: 1, max: 50 }), (text, most) => {
        const line = oneLine(text, most);
        return line.length <= most && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(line);
      }),
    );
  });
});

it('duration says it as people do', () => {
  expect([60_000, 300_000, 90_000, 1_500, 1_000, 250, 0.4].map(duration)).toEqual([
    '1 min',
    '5 min',
    '90 s',
    '1.5 s',
    '1 s',
    '250 ms',
    '0 ms',
  ]);
});

it('reasonOf tells what went wrong on one line', () => {
  expect([reasonOf(new Error('a\nb')), reasonOf('c'), reasonOf(undefined), reasonOf(new Error(''))]).toEqual([
    'a b',
    'c',
    'undefined',
    'Error',
  ]);
});
