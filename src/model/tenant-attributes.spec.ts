import { attributesOf, keptTenant } from './tenant-attributes.js';

it('attributesOf shows plain values, and leaves out the rest', () => {
  const attributes = { plan: 'free', seats: 3, trial: true, owner: { email: 'a@b' }, gone: null, f: () => 1 };
  expect(attributesOf({ id: 'p', attributes: attributes as never })).toEqual({
    shown: [
      ['plan', 'free'],
      ['seats', '3'],
      ['trial', 'true'],
    ],
    leftOut: 0,
  });
  expect(attributesOf({ id: 'p' })).toEqual({ shown: [], leftOut: 0 });
});

it('attributesOf limits their number and size, and reports how many were left out', () => {
  const attributes = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`${i}`.repeat(99), 'v'.repeat(999)]));
  const { shown, leftOut } = attributesOf({ id: 'p', attributes });
  expect(leftOut).toBe(3);
  expect(shown.map(([name, value]) => [name.length, value.length])).toEqual(Array(10).fill([60, 150]));
});

it('attributesOf leaves out an attribute whose getter throws', () => {
  const attributes = {
    plan: 'free',
    get owner(): string {
      throw new Error('not loaded');
    },
  };
  expect(attributesOf({ id: 'p', attributes })).toEqual({ shown: [['plan', 'free']], leftOut: 0 });
});

it.each([
  ['null', null],
  [
    'a proxy that throws',
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('gone');
        },
        get: () => 'free',
      },
    ),
  ],
])('attributesOf shows nothing of %s', (_, attributes) => {
  expect(attributesOf({ id: 'p', attributes: attributes as never })).toEqual({ shown: [], leftOut: 0 });
});

it('keptTenant copies what an alert may show, and adds nothing', () => {
  const attributes = { plan: 'free' };
  const kept = keptTenant({ id: 'p', name: 'Acme\n', attributes });
  expect(kept).toEqual({ id: 'p', name: 'Acme', attributes });
  expect(kept.attributes).not.toBe(attributes);
  expect(Object.keys(keptTenant({ id: 'p', attributes: {} }))).toEqual(['id']);
});
