import { mostInATurn } from '../../test/support/most-in-a-turn.js';
import { fixedSpans } from '../model/window-spans.js';
import type { ChangedTotal } from '../model/live-total.js';
import { MemoryUsageStore } from '../store/memory/memory-usage-store.js';
import { UsageRecorder } from './usage-recorder.js';

const MINUTE = 60_000;
const START = Date.parse('2026-01-01T12:00:30Z');

describe('UsageRecorder', () => {
  it.each([
    ['that have changed', true, 250],
    ['that have not', false, 2_000],
  ])('reads totals %s in parts, one in each turn of the event loop', async (_, isChanged, most) => {
    const spanAt = fixedSpans(MINUTE);
    const about = { category: 'llm', window: '', span: spanAt(START), known: 1, threshold: 15, more: 1, isNew: true };
    let read = 0;
    function* changed(): Generator<ChangedTotal | undefined> {
      for (let i = 0; i < 5_000; i++) {
        read++;
        yield isChanged ? { ...about, tenant: `tenant_${i}`, name: undefined } : undefined;
      }
    }
    const window = { name: '', lengthName: 'minute', windowMs: MINUTE, threshold: 15, spanAt };
    const store = new MemoryUsageStore(() => undefined);
    const recorder = new UsageRecorder(
      [{ name: 'llm', windows: [window] } as never],
      { instance: 'one', now: () => START, changed, counts: () => Promise.resolve([]) },
      store,
      { retentionMs: MINUTE * 60, hourlyRetentionMs: MINUTE * 60, maxTenants: 10_000, settleMs: 1_000 },
      { warn: () => undefined },
    );
    const counted = mostInATurn(() => read);
    await recorder.look();
    expect(read).toBe(5_000);
    expect(counted()).toBeLessThanOrEqual(most);
  });
});
