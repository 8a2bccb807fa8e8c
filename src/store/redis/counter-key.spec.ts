import fc from 'fast-check';

import { redisKey } from './counter-key.js';
import { tenantKey } from '../../model/tenant.js';

const key = (tenant: string, category = 'llm_call'): string =>
  redisKey('rate_monitor', { category, tenant: tenantKey(tenant) }, '7');
/** Any text, including halves of surrogate pairs, with characters that keys are made of more often than not. */
const anyId = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
  fc.string({ unit: fc.constantFrom(':', '{', '}', '%', 'u', 'a', '~', '3') }),
);

describe('the key of a counter', () => {
  it('is legible if the id is plain', () => {
    expect(key('proj_1.eu-West')).toBe('rate_monitor:{llm_call:proj_1.eu-West}:7');
  });

  it('contains only safe characters, and one hash tag', () => {
    fc.assert(fc.property(anyId, (id) => /^rate_monitor:\{llm_call:[\w.%-]*\}:7$/.test(key(id))));
  });

  it('never equals that of another id', () => {
    fc.assert(
      fc.property(anyId, anyId, (a, b) => (a === b) === (key(a) === key(b))),
      { numRuns: 2_000 },
    );
  });

  it('stays short and distinct for long ids', () => {
    const [a, b] = [`${'x'.repeat(10_000)}a`, `${'x'.repeat(10_000)}b`];
    expect(key(a)).not.toBe(key(b));
    expect(key(a).length).toBeLessThan(200);
    // The key that stands for a long id, given as an id itself.
    expect(key(tenantKey(a))).not.toBe(key(a));
  });
});
