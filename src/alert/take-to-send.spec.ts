import type { AlertLevel } from '../model/level.js';
import { takeToSend, type Sender } from './take-to-send.js';
import { withBreach, withTold, type Incident } from './incident.js';

const NOW = 1_700_000_000_000;
const OVER: AlertLevel = { at: 1, severity: 'warning' };

/** An incident that another replica began to send, and has not confirmed in time. */
function begun(): Incident {
  const breach = {
    ...{ category: 'llm_call', window: '', tenant: { id: 'proj_1' }, count: 16, threshold: 15, level: OVER },
    ...{ countedBy: 'all' as const, windowStart: NOW - 10_000, windowEnd: NOW + 50_000 },
  };
  const incident = withBreach(undefined, breach, false, NOW - 10_000);
  const delivery = { status: 'queued' as const, attempts: 0 };
  return withTold(incident, 'log', { levels: {}, delivery, by: 'other', until: NOW - 1 });
}

const sender = (more: Partial<Sender>): Sender => ({
  ...{ me: 'me', now: NOW, settings: { remindAfterMs: 60_000, resolveAfterMs: undefined }, mute: undefined },
  channels: new Map([['log', {}]]),
  own: () => ({ pausedMs: 0 }),
  isMine: () => true,
  mayClose: true,
  mayTakeOver: true,
  ...more,
});

describe('what another replica began to send and did not confirm', () => {
  it('is sent by this one', () => {
    const { taken, incident } = takeToSend(begun(), begun(), sender({}));
    expect([...taken.keys()]).toEqual(['log']);
    expect(incident?.told.log).toMatchObject({ by: 'me' });
  });

  it('is left to it for a moment after the store was away, and stays due', () => {
    const { taken, incident, isDone } = takeToSend(begun(), begun(), sender({ mayTakeOver: false }));
    expect([...taken.keys()]).toEqual([]);
    expect(incident?.told.log).toMatchObject({ by: 'other' });
    expect(incident?.lookAt).toBeLessThanOrEqual(NOW);
    expect(isDone).toBe(false);
  });

  it('is sent again at once by the one that began', () => {
    expect([...takeToSend(begun(), begun(), sender({ me: 'other', mayTakeOver: false })).taken.keys()]).toEqual([
      'log',
    ]);
  });
});
