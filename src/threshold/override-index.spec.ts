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

  it('apply to no id that begins otherwise', () => {
    const index = new OverrideIndex([kept('proj_*', 7), kept(null, 9)]);
    expect([index.broadly('llm_call', '', 'proj_1'), index.broadly('llm_call', '', 'org_1')]).toEqual([7, 9]);
  });
});
