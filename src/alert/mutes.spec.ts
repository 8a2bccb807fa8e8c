import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { Mutes } from './mutes.js';

it('a mute without a reason that can be seen is not taken', async () => {
  const mutes = new Mutes(new MemorySharedState(), ':', ['llm_call'], () => 0, { log: () => undefined });
  for (const reason of ['', ' ', '\u200b', '\u2800 \u200b'])
    await expect(mutes.mute({ forMs: 1_000, reason })).rejects.toThrow('reason is empty');
  expect((await mutes.mute({ forMs: 1_000, reason: ' \u200bimport' })).reason).toBe('import');
});
