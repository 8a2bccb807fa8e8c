import type { AlertChannel } from '../../model/alert-channel.js';
import { DeliveryError } from '../../model/delivery-error.js';
import { anAlert } from '../../../test/support/alerts.js';
import { ChannelDelivery, type Incidents, type Present } from './channel-delivery.js';
import type { Due, WindowOver } from '../incident/incident.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('a channel that seems to have a wrong address', () => {
  let lines: string[];
  let attempts: number[];
  let isFixed: boolean;
  let delivery: ChannelDelivery;

  beforeEach(() => {
    jest.useFakeTimers();
    // The longest of the waits, half of which are random.
    jest.spyOn(Math, 'random').mockReturnValue(1);
    [lines, attempts, isFixed] = [[], [], false];
    const channel: AlertChannel = {
      name: 'chat',
      send: () => {
        attempts.push(performance.now());
        if (!isFixed) throw new DeliveryError('answered 404', { retry: true, probe: true });
      },
    };
    const due = {
      status: 'opened',
      level: anAlert().level,
      window: { count: 16, threshold: 15 } as WindowOver,
    } as const;
    const present: Present = { due, alert: anAlert(), memory: undefined, also: [], isAtFault: false, isSuspect: false };
    const incidents: Incidents = {
      present: () => [present],
      report: (_key, _id, _present, outcome) => Promise.resolve(outcome.delivered ? 0 : outcome.waitMs),
      again: (_key, id) => Promise.resolve(delivery.push(id, due)),
    };
    const log = (line: unknown): void => void lines.push(String(line));
    const named = { channel, name: 'chat', option: 'channels[0]' };
    const logger = { log, warn: log, error: log };
    delivery = new ChannelDelivery('chat#', named, 0, incidents, (work) => work(), logger);
    delivery.push('a', due);
  });
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it('is tried with twice the pause each time, up to a quarter of an hour, with a line when it goes and one when it is back', async () => {
    await jest.advanceTimersByTimeAsync(60 * MINUTE);
    const pauses = attempts.slice(1).map((at, i) => Math.round((at - (attempts[i] as number)) / SECOND));
    expect(pauses).toEqual([30, 60, 120, 240, 480, 900, 900]);
    isFixed = true;
    await jest.advanceTimersByTimeAsync(15 * MINUTE + SECOND);
    expect(delivery.status(0)).toMatchObject({ on: true, queued: 0 });
    expect(lines).toEqual([
      expect.stringContaining('has a wrong address or credentials, or its receiver is away (answered 404)'),
      'The chat channel works again',
    ]);
  });
});

describe('a storm of a thousand tenants', () => {
  it.each([
    ['', false],
    [', and only counts tenants in full messages, if one failed', true],
  ])('lists first the one that is farthest over by now, under a threshold below 1 too%s', async (_, fails) => {
    jest.useFakeTimers();
    const messages: { listed: string[]; more: number }[] = [];
    const channel: AlertChannel = {
      name: 'chat',
      send: () => undefined,
      sendBatch: (alerts, more = 0) => {
        if (fails && failures++ === 0) throw new Error('answered 500');
        messages.push({ listed: alerts.map(({ tenant }) => tenant.id), more });
      },
    };
    let failures = 0;
    const dueAt = (count: number, threshold = 15): Due => ({
      status: 'opened',
      level: anAlert().level,
      window: { count, threshold } as WindowOver,
    });
    const presentOf = (id: string): Present => {
      const due = id === 'tenant_777' ? dueAt(3, 0.01) : dueAt(75);
      return {
        due,
        alert: { ...anAlert(), tenant: { id } },
        memory: undefined,
        also: [],
        isAtFault: false,
        isSuspect: false,
      };
    };
    const incidents: Incidents = {
      present: (_key, ids) => ids.map(presentOf),
      report: () => Promise.resolve(0),
      again: () => Promise.resolve(),
    };
    const warnings: string[] = [];
    const warn = (line: string): void => void warnings.push(line);
    const logger = { log: () => undefined, warn, error: () => undefined };
    const named = { channel, name: 'chat', option: 'channels[0]' };
    const delivery = new ChannelDelivery('chat#', named, 500, incidents, (work) => work(), logger);
    for (let i = 0; i < 1_000; i++) delivery.push(`tenant_${i}`, dueAt(16));
    await jest.advanceTimersByTimeAsync(60 * SECOND);
    jest.useRealTimers();
    expect(messages[0]?.listed[0]).toBe('tenant_777');
    expect(warnings).toEqual(
      fails
        ? [expect.stringMatching(/could not send \d+ alerts of llm_call \(answered 500\): it will be retried$/)]
        : [],
    );
    if (fails) expect(messages.find(({ more }) => more > 0)?.listed).toHaveLength(25);
    else expect(messages[0]).toMatchObject({ more: 875 });
    const listed = messages.flatMap((message) => message.listed);
    expect(new Set(listed).size + messages.reduce((sum, { more }) => sum + more, 0)).toBe(1_000);
  });
});

describe("a channel of the app's", () => {
  it('is given what only looks like a promise its turn: a query builder writes nothing until it is awaited', async () => {
    const written: string[] = [];
    const insert = (row: string) => ({
      then: (resolve: (memory: string) => void) => {
        written.push(row);
        resolve('row 1');
      },
    });
    const channel = {
      name: 'table',
      send: (alert) => insert(alert.tenant.id) as unknown as Promise<string>,
    } satisfies AlertChannel;
    const due = {
      status: 'opened',
      level: anAlert().level,
      window: { count: 16, threshold: 15 } as WindowOver,
    } as const;
    const outcomes: unknown[] = [];
    const incidents: Incidents = {
      present: () => [{ due, alert: anAlert(), memory: undefined, also: [], isAtFault: false, isSuspect: false }],
      report: (_key, _id, _present, outcome) => {
        outcomes.push(outcome);
        return Promise.resolve(0);
      },
      again: () => Promise.resolve(),
    };
    const logger = { log: () => undefined, warn: () => undefined, error: () => undefined };
    const named = { channel, name: 'table', option: 'channels[0]' };
    const delivery = new ChannelDelivery('table#', named, 0, incidents, (work) => work(), logger);
    delivery.push('a', due);
    await delivery.flush(1_000);
    expect(written).toEqual([anAlert().tenant.id]);
    expect(outcomes).toEqual([{ delivered: true, memory: 'row 1' }]);
  });
});

describe('what is being sent', () => {
  const due: Due = { status: 'opened', level: anAlert().level, window: { count: 16, threshold: 15 } as WindowOver };
  const present: Present = { due, alert: anAlert(), memory: undefined, also: [], isAtFault: false, isSuspect: false };
  const deliveryOf = (
    incidents: Partial<Incidents>,
    send: AlertChannel['send'],
    lines: string[] = [],
  ): ChannelDelivery => {
    const log = (line: unknown): void => void lines.push(String(line));
    const named = { channel: { name: 'chat', send }, name: 'chat', option: 'channels[0]' };
    const all = {
      present: () => [present],
      report: () => Promise.resolve(0),
      again: () => Promise.resolve(),
      ...incidents,
    };
    return new ChannelDelivery('chat#', named, 0, all, (work) => work(), { log, warn: log, error: log });
  };

  it('stays known while a further message goes out that the report of the one before brought: its lease must be extended', async () => {
    let sent = 0;
    const delivery: ChannelDelivery = deliveryOf(
      { report: (_key, id) => Promise.resolve(sent === 1 ? void delivery.push(id, due) : undefined).then(() => 0) },
      () => (++sent === 1 ? undefined : new Promise(() => undefined)),
    );
    delivery.push('a', due);
    await new Promise(setImmediate);
    expect([sent, delivery.ids()]).toEqual([2, ['a']]);
  });

  it('is not sent a second time while it is being sent, and later if it is still due then', async () => {
    const answers: (() => void)[] = [];
    const delivery: ChannelDelivery = deliveryOf(
      {
        report: (_key, id) => Promise.resolve(answers.length === 1 ? delivery.push(id, due) : undefined).then(() => 0),
      },
      () => new Promise((answer) => answers.push(() => answer(undefined))),
    );
    for (let i = 0; i < 3; i++) delivery.push('a', due);
    await new Promise(setImmediate);
    delivery.push('a', due);
    expect([answers.length, delivery.ids()]).toEqual([1, ['a']]);
    answers[0]?.();
    await new Promise(setImmediate);
    expect([answers.length, delivery.ids()]).toEqual([2, ['a']]);
  });

  describe('slowly', () => {
    const SLOW = { after: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)) };
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());

    it('has the time of three requests, and so does each message that is to show the end', async () => {
      const outcomes: boolean[] = [];
      const resolved = { ...anAlert(), incident: { status: 'resolved' } } as unknown as Present['alert'];
      const delivery = deliveryOf(
        {
          present: () => [{ ...present, alert: resolved, also: ['message 2'] }],
          report: (_key, _id, _present, { delivered }) => Promise.resolve(outcomes.push(delivered)),
        },
        () => SLOW.after(98_000),
      );
      delivery.push('a', due);
      await jest.advanceTimersByTimeAsync(197_000);
      expect(outcomes).toEqual([true]);
    });

    it('is given up if it takes longer than that, and tried again', async () => {
      const reasons: unknown[] = [];
      const delivery = deliveryOf(
        { report: (_key, _id, _present, outcome) => Promise.resolve(reasons.push(outcome)) },
        () => new Promise(() => undefined),
      );
      delivery.push('a', due);
      await jest.advanceTimersByTimeAsync(101_000);
      expect(reasons).toMatchObject([{ delivered: false, reason: 'no answer within 100 s' }]);
    });

    it('turns the channel on again, if it is a test alert that arrives late', async () => {
      let isGone = true;
      const delivery = deliveryOf({}, () => {
        if (isGone) throw new DeliveryError('answered 410', { retry: false, switchOff: true });
        return SLOW.after(12_000);
      });
      delivery.push('a', due);
      await jest.advanceTimersByTimeAsync(0);
      isGone = false;
      const tested = delivery.test(anAlert());
      await jest.advanceTimersByTimeAsync(11_000);
      expect([await tested, delivery.status(0).on]).toEqual(['no answer within 10 s', false]);
      await jest.advanceTimersByTimeAsync(2_000);
      expect(delivery.status(0).on).toBe(true);
    });
  });

  it('is given back if it cannot be prepared, with a line about it', async () => {
    const lines: string[] = [];
    const broken = () => Promise.reject(new Error('broken'));
    const delivery = deliveryOf({ present: broken }, () => undefined, lines);
    delivery.push('a', due);
    await new Promise(setImmediate);
    expect([delivery.ids(), lines]).toEqual([[], ['The chat channel could not send (broken)']]);
  });
});
