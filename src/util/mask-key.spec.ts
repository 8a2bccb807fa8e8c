import fc from 'fast-check';

import { maskKey } from './mask-key.js';

it('maskKey keeps enough to tell keys apart', () => {
  expect(maskKey('sk-abcdefghijklmnopqrstuvwxyz')).toBe('sk-****wxyz');
});

it('maskKey shows nothing of short keys and of other values', () => {
  expect([maskKey(''), maskKey('sk-secret'), maskKey('x'.repeat(27)), maskKey(undefined as never)]).toEqual(
    Array(4).fill('****'),
  );
});

it('maskKey shows the ends of a key of 28 characters', () => {
  expect(maskKey(`sk-${'x'.repeat(21)}wxyz`)).toBe('sk-****wxyz');
});

it('maskKey never shows more than a quarter of a key', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (key) => {
      expect(maskKey(key).replace('****', '').length).toBeLessThanOrEqual(key.length / 4);
    }),
  );
});
