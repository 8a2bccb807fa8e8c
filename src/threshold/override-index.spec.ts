import { tenantKey } from '../model/tenant.js';
import type { KeptOverride } from './kept-override.js';
import { OverrideIndex } from './override-index.js';

const kept = (tenant: string | null, threshold: KeptOverride['threshold']): KeptOverride =>
  ({ category: 'llm_call', window: '', tenant, threshold }) as KeptOverride;

describe('overrides', () => {
  it('that were removed are not in force', () => {
    const index = new OverrideIndex([kept(null, null), kept('proj_*', null), kept('proj_1', null)]);
    expect(index.exactly('llm_call', '', 'proj_1')).toBeUndefined();
    expect(index.broadly('llm_call', '', 'proj_1')).toBeUndefined();
  });

  it('do not apply to ids with another prefix', () => {
    const index = new OverrideIndex([kept('proj_*', 7), kept(null, 9)]);
    expect([index.broadly('llm_call', '', 'proj_1'), index.broadly('llm_call', '', 'org_1')]).toEqual([7, 9]);
  });

  it('apply to a tenant with a long id, given in full or as shown', () => {
    const long = 'k'.repeat(2_000);
    for (const given of [long, tenantKey(long)]) {
      const index = new OverrideIndex([kept(given, 7)]);
      expect([long, tenantKey(long), `${long}x`].map((id) => index.exactly('llm_call', '', id))).toEqual([
        7,
        7,
        undefined,
      ]);
    }
  });
});
