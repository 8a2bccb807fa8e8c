import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { tenantKey } from '../model/tenant.js';
import { Mutes } from './mutes.js';

const LONG = 'k'.repeat(2_000);

it('a mute without a reason that can be seen is not taken', async () => {
  const mutes = new Mutes(new MemorySharedState(), ':', ['llm_call'], () => 0, { log: () => undefined });
  for (const reason of ['', ' ', '\u200b', '\u2800 \u200b'])
    await expect(mutes.mute({ forMs: 1_000, reason })).rejects.toThrow('reason is empty');
  expect((await mutes.mute({ forMs: 1_000, reason: ' \u200bimport' })).reason).toBe('import');
});

it.each([
  ['its id', LONG],
  ['what is shown of it', tenantKey(LONG)],
])('holds back alerts of a tenant with a long id, given %s', async (_, tenant) => {
  const mutes = new Mutes(new MemorySharedState(), '', ['llm_call'], Date.now, { log: () => undefined });
  await mutes.mute({ tenant, forMs: 1_000, reason: 'x' });
  expect(mutes.of('llm_call', tenantKey(LONG))).toBeDefined();
  expect(mutes.of('llm_call', `${LONG}x`)).toBeUndefined();
});
