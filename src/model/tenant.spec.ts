import { keyOfShown, shownTenantId, tenantKey, toTenant } from './tenant.js';

describe('toTenant', () => {
  it.each([
    ['p1', { id: 'p1' }],
    [7, { id: '7' }],
    [{ id: 7 }, { id: '7' }],
    [7n, { id: '7' }],
    [{ id: 2n ** 64n }, { id: '18446744073709551616' }],
    [
      { id: 'p1', name: 'Acme' },
      { id: 'p1', name: 'Acme' },
    ],
    [{ id: 'p1', name: null }, { id: 'p1' }],
    [
      { id: 'p1', attributes: { plan: 'free' } },
      { id: 'p1', attributes: { plan: 'free' } },
    ],
    [{ id: 'p1', attributes: null }, { id: 'p1' }],
    [{ id: 'p1', attributes: 'free' }, { id: 'p1' }],
    [
      { id: 'p1', name: 'Acme', apiKey: 'sk-secret' },
      { id: 'p1', name: 'Acme' },
    ],
  ])('takes %p', (answer, tenant) => expect(toTenant(answer)).toStrictEqual(tenant));

  it.each([
    undefined,
    null,
    '',
    Number.NaN,
    Infinity,
    true,
    [],
    {},
    { id: '' },
    { id: null },
    { id: {} },
    { name: 'Acme' },
    () => 'p1',
  ])('finds no tenant in %p', (answer) => expect(toTenant(answer)).toBeUndefined());
});

it('tenantKey keeps ids of up to 128 characters, and gives longer ones a key that equals no id', () => {
  const [longest, longer] = ['k'.repeat(128), 'k'.repeat(129)];
  expect([tenantKey('p1'), tenantKey(longest)]).toEqual(['p1', longest]);
  expect(tenantKey(longer)).toMatch(/^k{100}~[\w-]{43}$/);
  expect(tenantKey(tenantKey(longer))).not.toBe(tenantKey(longer));
  expect(tenantKey(`${longer}x`)).not.toBe(tenantKey(longer));
  // Half of a surrogate pair is a difference too.
  expect(tenantKey(`${longer}\ud800`)).not.toBe(tenantKey(`${longer}\ud801`));
});

it.each([
  'p1',
  'k'.repeat(1_000),
  'k'.repeat(1_001),
  tenantKey('k'.repeat(1_001)),
  `${'\n'.repeat(100)}~${'x'.repeat(43)}`,
])('an id of up to 1,000 characters is shown unchanged, and the shown id leads to its own key only: %j', (id) => {
  const shown = shownTenantId(id, tenantKey(id));
  expect(shown.length).toBeLessThanOrEqual(1_000);
  expect(keyOfShown(shown)).toBe(tenantKey(id));
  expect([shownTenantId(shown, tenantKey(id)), shownTenantId(shown)]).toEqual([shown, shown]);
  expect(keyOfShown(tenantKey(id)).length).toBeLessThanOrEqual(144);
});

it('shows and keeps an id of 1,000 characters in full', () => {
  const [id, longer] = ['k'.repeat(1_000), 'k'.repeat(1_001)];
  expect([shownTenantId(id, 'key'), shownTenantId(id)]).toEqual([id, id]);
  expect([shownTenantId(longer, 'key'), shownTenantId(longer)]).toEqual(['key', tenantKey(longer)]);
});

it('does not take a text that merely contains a key for one', () => {
  const key = tenantKey('k'.repeat(1_001));
  for (const id of [`k${key}`, `${key}k`])
    expect([shownTenantId(id, 'key'), keyOfShown(id)]).toEqual([id, tenantKey(id)]);
});
