import type { AlertChannel } from '../../model/alert-channel.js';
import { DeliveryError } from '../../model/delivery-error.js';
import type { RateAlert } from '../../model/rate-alert.js';
import { anAlert } from '../../../test/support/alerts.js';
import { isDone, pass, useFakeTimers, useRealTimers } from '../../../test/support/fake-timers.js';
import { timers } from '../../../test/support/timers.js';
import { ChannelDelivery, type Incidents, type Outcome, type Present } from './channel-delivery.js';
import type { Due, WindowOver } from '../incident/incident.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const inMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

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
      again: (_key, id) => Promise.resolve(delivery.push(id, due, false)),
    };
    const log = (line: unknown): void => void lines.push(String(line));
    const named = { channel, name: 'chat', option: 'channels[0]' };
    const logger = { log, warn: log, error: log };
    delivery = new ChannelDelivery('chat#', named, 0, incidents, (work) => work(), logger);
    delivery.push('a', due, false);
  });
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it('is retried after twice the pause each time, up to a quarter of an hour, with a log line when it goes and when it is back', async () => {
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
  ])('lists first the one that is furthest over by now, even with a threshold below 1%s', async (_, fails) => {
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
    for (let i = 0; i < 1_000; i++) delivery.push(`tenant_${i}`, dueAt(16), false);
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

describe('a custom channel', () => {
  it.each([false, true])(
    'may change what it is given, in groups: %s: nothing else uses that object',
    async (isGrouped) => {
      jest.useFakeTimers();
      const [given, reported]: [unknown[], unknown[]] = [[], []];
      const take = (alert: RateAlert): void => {
        given.push(alert.count);
        Object.assign(alert, { count: 'many', incident: undefined });
      };
      const sendBatch = (alerts: readonly RateAlert[]): void => alerts.forEach(take);
      const channel: AlertChannel = { name: 'chat', send: take, ...(isGrouped ? { sendBatch } : {}) };
      const alert = { ...anAlert(), incident: { status: 'resolved' } } as RateAlert;
      const due: Due = { status: 'resolved', level: alert.level, window: { count: 16, threshold: 15 } as WindowOver };
      const incidents: Incidents = {
        present: (_key, ids) =>
          ids.map(() => ({ due, alert, memory: undefined, also: ['message 2'], isAtFault: false, isSuspect: false })),
        report: (_key, _id, { alert: { count } }) => Promise.resolve(reported.push(count)).then(() => 0),
        again: () => Promise.resolve(),
      };
      const logger = { log: () => undefined, warn: () => undefined, error: () => undefined };
      const named = { channel, name: 'chat', option: 'channels[0]' };
      const delivery = new ChannelDelivery('chat#', named, 10, incidents, (work) => work(), logger);
      for (const id of ['a', 'b']) delivery.push(id, due, false);
      await jest.advanceTimersByTimeAsync(20);
      jest.useRealTimers();
      const { count } = anAlert();
      expect([given, reported]).toEqual([Array(isGrouped ? 2 : 4).fill(count), Array(2).fill(count)]);
    },
  );

  it('may return any thenable: a query builder runs nothing until it is awaited', async () => {
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
    delivery.push('a', due, false);
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

  it("stays known while a report's next message is sent, so that its lease is extended", async () => {
    let sent = 0;
    const delivery: ChannelDelivery = deliveryOf(
      {
        report: (_key, id, _present, _outcome, noted) => {
          noted();
          if (sent === 1) delivery.push(id, due, false);
          return Promise.resolve(0);
        },
      },
      () => (++sent === 1 ? undefined : new Promise(() => undefined)),
    );
    delivery.push('a', due, false);
    await new Promise(setImmediate);
    expect([sent, delivery.ids()]).toEqual([2, ['a']]);
  });

  it('is not sent a second time while it is being sent, and later if it is still due then', async () => {
    const answers: (() => void)[] = [];
    const delivery: ChannelDelivery = deliveryOf(
      {
        report: (_key, id, _present, _outcome, noted) => {
          // Of a look that began before its record had the outcome.
          delivery.push(id, due, false);
          noted();
          expect(delivery.ids()).toEqual([]);
          if (answers.length === 1) delivery.push(id, due, false);
          return Promise.resolve(0);
        },
      },
      () => new Promise((answer) => answers.push(() => answer(undefined))),
    );
    for (let i = 0; i < 3; i++) delivery.push('a', due, false);
    await new Promise(setImmediate);
    delivery.push('a', due, false);
    expect([answers.length, delivery.ids()]).toEqual([1, ['a']]);
    answers[0]?.();
    await new Promise(setImmediate);
    expect([answers.length, delivery.ids()]).toEqual([2, ['a']]);
  });

  describe('slowly', () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());

    it('has the time of three requests, and so does each message that must show the end', async () => {
      const outcomes: boolean[] = [];
      const resolved = { ...anAlert(), incident: { status: 'resolved' } } as unknown as Present['alert'];
      const delivery = deliveryOf(
        {
          present: () => [{ ...present, alert: resolved, also: ['message 2'] }],
          report: (_key, _id, _present, { delivered }) => Promise.resolve(outcomes.push(delivered)),
        },
        () => inMs(98_000),
      );
      delivery.push('a', due, false);
      await jest.advanceTimersByTimeAsync(197_000);
      expect(outcomes).toEqual([true]);
    });

    it('is given up if it takes longer, and retried', async () => {
      const reasons: unknown[] = [];
      const delivery = deliveryOf(
        { report: (_key, _id, _present, outcome) => Promise.resolve(reasons.push(outcome)) },
        () => new Promise(() => undefined),
      );
      delivery.push('a', due, false);
      await jest.advanceTimersByTimeAsync(101_000);
      expect(reasons).toMatchObject([{ delivered: false, reason: 'no answer within 100 s' }]);
    });

    it('turns the channel on again, if it is a test alert that arrives late', async () => {
      let isGone = true;
      const delivery = deliveryOf({}, () => {
        if (isGone) throw new DeliveryError('answered 410', { retry: false, switchOff: true });
        return inMs(12_000);
      });
      delivery.push('a', due, false);
      await jest.advanceTimersByTimeAsync(0);
      isGone = false;
      const tested = delivery.test(anAlert());
      await jest.advanceTimersByTimeAsync(11_000);
      expect([await tested, delivery.status(0).on]).toEqual(['no answer within 10 s', false]);
      await jest.advanceTimersByTimeAsync(2_000);
      expect(delivery.status(0).on).toBe(true);
    });
  });

  it('is given back if it cannot be prepared, with a log line', async () => {
    const lines: string[] = [];
    const broken = () => Promise.reject(new Error('broken'));
    const delivery = deliveryOf({ present: broken }, () => undefined, lines);
    delivery.push('a', due, false);
    await new Promise(setImmediate);
    expect([delivery.ids(), lines]).toEqual([[], ['The chat channel could not send (broken)']]);
  });
});

describe('a delivery', () => {
  const WARNING = { at: 1, severity: 'warning' } as const;
  const CRITICAL = { at: 5, severity: 'critical' } as const;
  let lines: string[];
  /** Each message, as the ids that it names, and how many it only counts. */
  let messages: string[];
  let answer: (ids: string[]) => unknown;
  let presents: Map<string, Partial<Present>>;
  let reports: [id: string, outcome: Outcome][];
  let again: string[];
  let waitMs: number | Record<string, number>;
  let onReport: (id: string) => void;
  let delivery: ChannelDelivery;

  const dueFor = (more: Partial<Due> = {}, count = 16): Due => ({
    status: 'opened',
    level: WARNING,
    window: { count, threshold: 15 } as WindowOver,
    ...more,
  });
  const incidents: Incidents = {
    present: (_key, ids) =>
      ids.map((id) => {
        const more = presents.has(id) ? presents.get(id) : {};
        const alert = { ...anAlert(), tenant: { id } };
        return (
          more && { due: dueFor(), alert, memory: undefined, also: [], isAtFault: false, isSuspect: false, ...more }
        );
      }),
    report: (_key, id, _present, outcome, noted) => {
      reports.push([id, outcome]);
      noted();
      onReport(id);
      const wait = typeof waitMs === 'number' ? waitMs : (waitMs[id] ?? 0);
      return Promise.resolve(outcome.delivered ? 0 : Math.max(wait, outcome.waitMs));
    },
    again: (_key, id) => {
      again.push(id);
      if (presents.has(id) && presents.get(id) === undefined) return Promise.resolve();
      // As its record does: nothing is claimed for a channel that is paused for long.
      return Promise.resolve(delivery.pausedMs > 5_000 ? delivery.awaitPause(id) : push(id));
    },
  };
  const push = (id: string, due = dueFor(), isSuspect = false): void => delivery.push(id, due, isSuspect);
  const open = (more: Partial<AlertChannel> = {}, groupWaitMs = 500): ChannelDelivery => {
    const log = (line: unknown): void => void lines.push(String(line));
    const send: AlertChannel['send'] = ({ tenant }, memory) => {
      messages.push(memory === undefined ? tenant.id : `${tenant.id} after ${memory}`);
      return answer([tenant.id]) as Promise<void>;
    };
    const named = { channel: { name: 'chat', send, ...more }, name: 'chat', option: 'channels[0]' };
    return (delivery = new ChannelDelivery('chat#', named, groupWaitMs, incidents, (work) => work(), {
      log,
      warn: log,
      error: log,
    }));
  };
  const openGroups = (more: Partial<AlertChannel> = {}): ChannelDelivery =>
    open({
      sendBatch: (alerts, left) => {
        const ids = alerts.map(({ tenant }) => tenant.id);
        messages.push(`${ids.join()}${left ? ` and ${left}` : ''}`);
        return answer(ids) as Promise<void>;
      },
      ...more,
    });
  const never = () => new Promise(() => undefined);
  const fails =
    (error: Error = new Error('answered 500')) =>
    () =>
      Promise.reject(error);
  const outcomes = () => delivery.status(0).outcomes;

  beforeEach(async () => {
    useFakeTimers();
    // No process starts at 0.
    await pass(10_000);
    jest.spyOn(Math, 'random').mockReturnValue(1);
    onReport = () => undefined;
    [lines, messages, presents, reports, again, waitMs] = [[], [], new Map(), [], [], 0];
    answer = () => undefined;
  });
  afterEach(useRealTimers);

  describe('one by one', () => {
    it('sends 16 messages at a time, the most urgent first', async () => {
      const answers: (() => void)[] = [];
      answer = () => new Promise<void>((resolve) => answers.push(resolve));
      open();
      for (let i = 0; i < 18; i++) push(`t${i}`);
      await pass(0);
      expect(messages).toHaveLength(16);
      push('suspect', dueFor({ level: CRITICAL }, 1_000), true);
      push('mild end', dueFor({ status: 'resolved', level: CRITICAL }, 17));
      push('resolved', dueFor({ status: 'resolved', level: CRITICAL }, 1_000));
      push('high', dueFor({}, 100));
      push('critical', dueFor({ level: CRITICAL }, 17));
      push('t17', dueFor({}, 16));
      expect(delivery.ids()).toHaveLength(23);
      expect(delivery.status(0)).toMatchObject({ name: 'chat', on: true, queued: 23 });
      for (let i = 0; i < 23; i++) {
        answers[i]?.();
        await pass(0);
      }
      expect(messages.slice(16)).toEqual(['critical', 'high', 't16', 't17', 'resolved', 'mild end', 'suspect']);
      expect(outcomes()).toEqual({ delivered: 23, retried: 0, failed: 0, suppressed: 0 });
      delivery.suppressed();
      expect(outcomes().suppressed).toBe(1);
    });

    it('keeps no process alive, and no unneeded timer', async () => {
      const error = new DeliveryError('answered 429', { retry: true, retryAfterMs: 60_000 });
      open();
      for (let i = 0; i < 18; i++) push(`t${i}`);
      await pass(1);
      expect([messages.length, jest.getTimerCount()]).toEqual([18, 0]);
      answer = fails(error);
      push('a');
      await pass(1);
      // That of its retry.
      expect(jest.getTimerCount()).toBe(1);
      answer = never;
      open();
      for (let i = 0; i < 18; i++) push(`t${i}`);
      await pass(1);
      // Those of the messages under way.
      expect(jest.getTimerCount()).toBe(1 + 16);
      useRealTimers();
      const before = timers();
      answer = never;
      open();
      push('a');
      void delivery.test(anAlert());
      expect([messages.slice(-2), timers()]).toEqual([['a', 'proj_1'], before]);
    });

    it('pauses once three incidents fail, but not if one fails three times', async () => {
      open();
      answer = fails();
      for (let i = 0; i < 3; i++) {
        push('a');
        await pass(0);
      }
      expect([messages.length, delivery.pausedMs]).toEqual([3, 0]);
      for (const id of ['b', 'c']) {
        push(id);
        await pass(0);
      }
      expect(delivery.pausedMs).toBe(250);
    });

    it('keeps its place when it is pushed again', async () => {
      answer = never;
      open();
      for (let i = 0; i < 16; i++) push(`t${i}`);
      push('first');
      await pass(10);
      push('second');
      push('first');
      answer = () => undefined;
      await pass(101_000);
      const [first, second] = ['first', 'second'].map((id) => messages.indexOf(id)) as [number, number];
      expect(first).toBeLessThan(second);
    });

    it('keeps what the channel returned, if that is a text of up to 1,000 characters', async () => {
      open();
      for (const [memory, kept] of [
        ['m', 'm'],
        ['x'.repeat(1_000), 'x'.repeat(1_000)],
        ['x'.repeat(1_001), undefined],
        [7, undefined],
      ]) {
        reports = [];
        for (const given of [memory, Promise.resolve(memory)]) {
          answer = () => given;
          push('a');
          await pass(0);
        }
        const outcome = { delivered: true, memory: kept };
        expect(reports).toEqual([
          ['a', outcome],
          ['a', outcome],
        ]);
      }
      // Else what it stored before.
      presents.set('a', { memory: 'before' });
      answer = () => undefined;
      push('a');
      await pass(0);
      expect([messages.at(-1), reports.at(-1)]).toEqual([
        'a after before',
        ['a', { delivered: true, memory: 'before' }],
      ]);
    });

    it('shows the end in all messages that replicas posted, whether or not one of them can be', async () => {
      open();
      const alert = { ...anAlert(), incident: { status: 'resolved' } } as unknown as Present['alert'];
      presents.set('a', { alert, memory: '1', also: ['2', '3'] });
      presents.set('b', { memory: '1', also: ['2'] });
      answer = () => (messages.at(-1)?.endsWith('2') ? Promise.reject(new Error('gone')) : undefined);
      push('a', dueFor({ status: 'resolved' }));
      await pass(0);
      expect(messages).toEqual(['1', '2', '3'].map((memory) => `proj_1 after ${memory}`));
      expect(reports).toEqual([['a', { delivered: true, memory: '1' }]]);
      push('b');
      await pass(0);
      expect(messages.slice(3)).toEqual(['b after 1']);
    });

    it('drops what is no longer due, and updates its record', async () => {
      open();
      presents.set('a', undefined as never);
      push('a');
      await pass(0);
      expect([messages, again, delivery.ids()]).toEqual([[], ['a'], []]);
    });

    it('retries after the wait in its record, and counts refusals separately', async () => {
      open();
      waitMs = 4_000;
      answer = fails();
      push('a');
      await pass(0);
      expect(delivery.status(0)).toMatchObject({ queued: 1, outcomes: { retried: 1, failed: 0 } });
      answer = fails(new DeliveryError('answered 400', { retry: false }));
      await pass(4_004);
      expect(again).toEqual([]);
      await pass(1);
      expect([again, outcomes()]).toEqual([['a'], { delivered: 0, retried: 1, failed: 1, suppressed: 0 }]);
      expect(lines).toEqual([
        'The chat channel could not send an alert of llm_call (answered 500): it will be retried',
      ]);
      delivery.forget('a');
      await pass(60_000);
      expect([messages.length, delivery.status(0).queued]).toEqual([2, 0]);
    });

    it('sends nothing while the channel is paused, and resumes from the records when it works again', async () => {
      open();
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 5_000 }));
      push('a');
      await pass(0);
      expect(delivery.pausedMs).toBe(5_000);
      answer = () => undefined;
      delivery.awaitPause('left');
      push('b');
      expect(delivery.status(0)).toMatchObject({ queued: 3, retryAt: 5_000 });
      await pass(4_999);
      expect(messages).toEqual(['a']);
      await pass(6);
      expect(messages.slice(1).sort()).toEqual(['a', 'b', 'left']);
      expect(again.sort()).toEqual(['a', 'left']);
    });

    it('sends others at the end of a pause even if the failed alert waits longer', async () => {
      open();
      waitMs = 60_000;
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 5_000 }));
      push('a');
      await pass(0);
      answer = () => undefined;
      push('b');
      await pass(4_999);
      expect(messages).toEqual(['a']);
      await pass(1);
      expect(messages).toContain('b');
    });

    it('returns waiting alerts to their records while the channel is off, and new ones too', async () => {
      open();
      let fail = (): void => undefined;
      const off = new DeliveryError('answered 410', { retry: false, switchOff: true });
      answer = () => new Promise((_, reject) => (fail = () => reject(off)));
      const handedBack: string[] = [];
      const handBack = jest.spyOn(incidents, 'again').mockImplementation(async (_key, id) => {
        handedBack.push(id);
      });
      for (let i = 0; i < 18; i++) push(`t${i}`);
      fail();
      await pass(0);
      push('late');
      expect([messages.length, handedBack, delivery.waiting]).toEqual([16, ['t16', 't17', 'late'], 15]);
      handBack.mockRestore();
    });

    it('returns waiting alerts to their records for a pause that is longer than a lease, until a flush tries them', async () => {
      open();
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 5_001 }));
      for (let i = 0; i < 18; i++) push(`t${i}`);
      await pass(0);
      expect([messages.length, again, delivery.ids()]).toEqual([16, ['t16', 't17'], []]);
      expect(delivery.status(0).queued).toBe(18);
      void delivery.flush(1_000);
      await pass(0);
      expect([new Set(messages.slice(16)).size, again.length, delivery.ids().length]).toEqual([16, 2 + 18, 2]);
      answer = () => undefined;
      await pass(60_010);
      expect(new Set(messages.slice(32)).size).toBe(18);
    });

    it.each([
      ['a pause that was asked for', new DeliveryError('answered 429', { retry: true, retryAfterMs: 60_000 }), true],
      ['a wrong address', new DeliveryError('answered 404', { retry: true, probe: true }), false],
      ['what switches it off', new DeliveryError('answered 410', { retry: false, switchOff: true }), false],
    ])('is still paused by %s if what was under way before that goes through', async (_, error, isOn) => {
      open();
      answer = ([id]) => (id === 'bad' ? fails(error)() : inMs(50));
      push('good');
      await pass(10);
      push('bad');
      await pass(100);
      expect([messages, delivery.status(0)]).toEqual([['good', 'bad'], expect.objectContaining({ on: isOn })]);
      expect([delivery.pausedMs > 10_000, again, outcomes().delivered]).toEqual([true, [], 1]);
    });

    it('retries three that always fail as their records say, although others go through all the time', async () => {
      open();
      waitMs = 4_000;
      answer = ([id = '']) => inMs(id.startsWith('bad') ? 20 : 50).then(() => id.startsWith('bad') && fails()());
      for (const id of ['bad 1', 'bad 2', 'bad 3']) push(id);
      for (let i = 0; i < 79; i++) {
        push(`good ${i}`);
        await pass(50);
      }
      expect(messages.filter((id) => id.startsWith('bad'))).toHaveLength(3);
      expect(outcomes().delivered).toBeGreaterThan(70);
    });

    it('does not retry what its record has already queued again', async () => {
      open();
      waitMs = 4_000;
      onReport = (id) => push(id);
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 5_000 }));
      push('a');
      await pass(4_999);
      expect([messages, again, delivery.status(0).queued]).toEqual([['a'], [], 1]);
      onReport = () => undefined;
      answer = () => undefined;
      await pass(10);
      expect([messages, again, delivery.status(0).queued]).toEqual([['a', 'a'], [], 0]);
    });

    it('retries what failed before a test went through, even if that is recorded only afterwards', async () => {
      open();
      answer = fails(new DeliveryError('answered 410', { retry: false, switchOff: true }));
      jest.spyOn(incidents, 'report').mockImplementation((_key, _id, _present, outcome) => {
        return new Promise((resolve) => setTimeout(resolve, 300, outcome.delivered ? 0 : outcome.waitMs));
      });
      push('a');
      await pass(100);
      answer = () => undefined;
      await delivery.test(anAlert());
      expect(again).toEqual([]);
      await pass(210);
      expect([messages.slice(2), again, delivery.status(0).queued]).toEqual([['a'], ['a'], 0]);
      // A pause that begins later is waited out.
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 4_000 }));
      push('b');
      await pass(4_000);
      expect(messages.slice(3)).toEqual(['b']);
    });

    it("reports a test's success or reason, and success releases what waits", async () => {
      open();
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 10_000 }));
      push('a');
      await pass(0);
      expect(await delivery.test(anAlert())).toBe('answered 429');
      answer = () => undefined;
      expect(await delivery.test(anAlert())).toBeUndefined();
      await pass(0);
      expect([messages.at(-1), again]).toEqual(['a', ['a']]);
      answer = () => {
        throw new Error('broken');
      };
      expect(await delivery.test(anAlert())).toBe('broken');
    });
  });

  describe('in groups', () => {
    it('waits before the first message, and includes alerts that arrive meanwhile', async () => {
      openGroups({ batchSize: 3 });
      for (const id of ['a', 'b']) push(id);
      await pass(499);
      push('c');
      expect(messages).toEqual([]);
      await pass(1);
      expect(messages).toEqual(['a,b,c']);
      expect(reports.map(([id]) => id)).toEqual(['a', 'b', 'c']);
    });

    it('sends one message at a time, and a single alert with `send`', async () => {
      let done = (): void => undefined;
      answer = () => new Promise<void>((resolve) => (done = resolve));
      openGroups();
      push('a');
      await pass(500);
      push('b');
      push('c');
      await pass(60_000);
      expect(messages).toEqual(['a']);
      done();
      await pass(0);
      expect(messages).toEqual(['a', 'b,c']);
    });

    it.each([
      [2.9, 2],
      [1, 1],
      [0.9, 25],
      [NaN, 25],
      [undefined, 25],
    ])('takes a batch size of %s for %i', async (batchSize, size) => {
      openGroups({ batchSize });
      for (let i = 0; i < 30; i++) push(`t${i}`);
      await pass(500);
      expect(messages[0]?.split(',')).toHaveLength(size);
    });

    it('only counts what five messages have no room for, and says so in the first', async () => {
      openGroups({ batchSize: 2 });
      for (let i = 0; i < 13; i++) push(`t${i}`, dueFor({}, 100 - i));
      for (let i = 0; i < 13; i++) presents.set(`t${i}`, { due: dueFor({}, 100 - i) });
      await pass(500);
      expect(messages).toEqual(['t0,t1 and 3', 't2,t3', 't4,t5', 't6,t7', 't8,t9']);
      expect(reports.filter(([, { delivered }]) => delivered)).toHaveLength(13);
    });

    it('does not merely count an alert that has a message of its own, which would never show the end', async () => {
      openGroups({ batchSize: 2 });
      for (let i = 0; i < 12; i++) push(`t${i}`);
      presents.set('end', { due: dueFor({ status: 'resolved' }), memory: '1' });
      push('end');
      await pass(500);
      expect([messages[0], messages.at(-1)]).toEqual(['t0,t1 and 2', 'end after 1']);
    });

    it('ranks 2,000 by their present counts, chosen by their queued ranks', async () => {
      openGroups();
      push('risen', dueFor({}, 16));
      presents.set('risen', { due: dueFor({}, 1_000) });
      for (let i = 0; i < 2_000; i++) push(`t${i}`, dueFor({}, 17));
      await pass(500);
      expect(messages.map((message) => message.split(',').indexOf('risen')).slice(0, 2)).toEqual([-1, 0]);
      expect(messages[0]).toMatch(/,t24 and 1875$/);
    });

    it('counts none if each message is about one', async () => {
      openGroups({ batchSize: 1 });
      for (let i = 0; i < 7; i++) push(`t${i}`);
      await pass(500);
      expect(messages).toEqual(Array.from({ length: 7 }, (_, i) => `t${i}`));
    });

    it('drops what is no longer due, and sends nothing if nothing is left', async () => {
      openGroups();
      presents.set('gone', undefined as never);
      push('gone');
      await pass(500);
      expect([messages, again, lines]).toEqual([[], ['gone'], []]);
      for (const id of ['a', 'gone', 'b']) push(id);
      await pass(500);
      expect([messages, again, lines]).toEqual([['a,b'], ['gone', 'gone'], []]);
    });

    it('sends alone what has its own message or was at fault, and groups suspects only with each other', async () => {
      openGroups();
      presents.set('a', { due: dueFor({}, 100), memory: '1' }).set('fault', { due: dueFor({}, 90), isAtFault: true });
      presents.set('s1', { isSuspect: true }).set('s2', { isSuspect: true });
      for (const id of ['s1', 'b', 'a', 'fault', 'c', 's2']) push(id);
      await pass(500);
      expect(messages).toEqual(['a after 1', 'fault', 'b,c', 's1,s2']);
    });

    it('halves a group that fails, and doubles it again once a message goes through', async () => {
      openGroups();
      answer = (ids) => (ids.length > 2 ? Promise.reject(new Error('answered 500')) : undefined);
      for (let i = 0; i < 12; i++) push(`t${i}`);
      await pass(500);
      expect(messages.map((message) => message.split(',').length)).toEqual([12, 6, 3, 1, 2, 4, 2, 4, 2, 4, 2, 3, 1, 2]);
      expect(reports.map(([, { delivered }]) => delivered)).toEqual(Array(12).fill(true));
      expect(lines).toEqual([
        'The chat channel could not send 12 alerts of llm_call (answered 500): it will be retried',
      ]);
    });

    it('sends a group again whole if the channel asks for a pause', async () => {
      openGroups();
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 3_000 }));
      for (const id of ['a', 'b']) push(id);
      await pass(500);
      answer = () => undefined;
      await pass(2_999);
      expect(messages).toEqual(['a,b']);
      await pass(600);
      expect(messages).toEqual(['a,b', 'a,b']);
      expect(outcomes()).toEqual({ delivered: 2, retried: 2, failed: 0, suppressed: 0 });
    });

    it.each([
      ['nothing after a pause that is waited out in the queue', 'ab', { retry: true, retryAfterMs: 5_000 }, []],
      ['the failures before a longer one, in which others may send', 'ab', { retry: true, retryAfterMs: 5_001 }, 'ab'],
      ['the failures if the receiver is gone', 'ab', { retry: false, switchOff: true }, 'ab'],
      ['the failures if its address seems wrong', 'ab', { retry: true, probe: true }, 'ab'],
      ['the failure of one alert, which costs little', 'a', { retry: true, retryAfterMs: 1_000 }, 'a'],
    ])('notes in the records %s', async (_, ids, fault, noted) => {
      openGroups();
      answer = fails(new DeliveryError('answered 4xx', fault));
      for (const id of ids) push(id);
      await pass(500);
      expect(reports.map(([id, { delivered }]) => [id, delivered])).toEqual(Array.from(noted, (id) => [id, false]));
    });

    it('does not let alerts that had their turn wait for others again, only the next ones', async () => {
      openGroups();
      answer = (ids) => new Promise((_, reject) => setTimeout(reject, 400, new Error(`answered 500 to ${ids.join()}`)));
      for (const id of ['a', 'b']) push(id);
      await pass(800);
      push('c');
      expect(messages).toEqual(['a,b']);
      answer = () => undefined;
      await pass(100);
      expect(messages.slice(1).join().split(',').sort()).toEqual(['a', 'b', 'c']);
      push('d');
      await pass(499);
      expect(messages.join()).not.toContain('d');
      await pass(1);
      expect(messages.at(-1)).toBe('d');
    });

    it('reports how many wait or are being sent', async () => {
      openGroups();
      for (let i = 0; i < 100; i++) push(`t${i}`);
      expect(delivery.waiting).toBe(100);
      answer = never;
      await pass(500);
      expect([messages.length, delivery.waiting]).toEqual([1, 100]);
    });

    it('lists those that are being sent first, for their leases', async () => {
      openGroups({ batchSize: 1 });
      answer = never;
      for (const id of ['a', 'b']) push(id);
      push('urgent', dueFor({ level: CRITICAL }));
      presents.set('urgent', { due: dueFor({ level: CRITICAL }) });
      await pass(500);
      expect(delivery.ids()).toEqual(['urgent', 'a', 'b']);
    });
  });

  describe('flushes', () => {
    it('what waits for a group, and what failed and is retried in that time', async () => {
      openGroups();
      waitMs = 2_000;
      answer = fails();
      push('a');
      const flushing = delivery.flush(5_000);
      await pass(0);
      expect(messages).toEqual(['a']);
      answer = () => undefined;
      await pass(2_000);
      expect(await isDone(flushing)).toBe(false);
      await pass(30);
      expect([await isDone(flushing), await flushing, messages]).toEqual([true, true, ['a', 'a']]);
      // Others wait for a group again.
      push('b');
      await pass(499);
      expect(messages).toHaveLength(2);
      await pass(1);
      expect([messages.length, await delivery.flush(0)]).toEqual([3, true]);
      push('c');
      await pass(499);
      expect(messages).toHaveLength(3);
    });

    it('what is retried at the end of that time, for as long as asked and no longer', async () => {
      open();
      waitMs = 2_000;
      answer = fails();
      push('a');
      const flushing = delivery.flush(3_010);
      await pass(0);
      answer = never;
      await pass(3_009);
      expect([await isDone(flushing), messages.length]).toEqual([false, 2]);
      await pass(1);
      expect([await isDone(flushing), await flushing]).toEqual([true, false]);
    });

    it('what waits for the end of a pause, if a test ends it', async () => {
      open();
      waitMs = { a: 2_100, b: 2_000 };
      answer = fails();
      for (const id of ['a', 'b']) push(id);
      const flushing = delivery.flush(10_000);
      await pass(0);
      let done = (): void => undefined;
      answer = (ids) =>
        ids.includes('b')
          ? new Promise<void>((resolve) => (done = resolve))
          : Promise.reject(new DeliveryError('answered 429', { retry: true, retryAfterMs: 60_000 }));
      await pass(3_000);
      expect([await isDone(flushing), delivery.pausedMs > 0]).toEqual([false, true]);
      answer = () => undefined;
      void delivery.test(anAlert());
      done();
      await pass(100);
      expect([await isDone(flushing), await flushing]).toEqual([true, true]);
    });

    it('and reports that something is left, even if it is queued again or its outcome is not reported yet', async () => {
      open();
      onReport = (id) => push(id);
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 60_000 }));
      push('a');
      expect([await delivery.flush(1_000), delivery.status(0).queued]).toEqual([false, 1]);
      const report = jest.spyOn(incidents, 'report');
      report.mockImplementation(() => new Promise((resolve) => setTimeout(resolve, 100, 60_000)));
      open();
      answer = fails();
      push('a');
      const flushing = delivery.flush(1_000);
      await pass(99);
      expect(await isDone(flushing)).toBe(false);
      await pass(1_000);
      expect([await isDone(flushing), await flushing]).toEqual([true, false]);
    });

    it('what is retried in that time, and does not wait for the rest', async () => {
      open();
      waitMs = { a: 2_000, b: 10_000 };
      answer = fails();
      for (const id of ['a', 'b']) push(id);
      const flushing = delivery.flush(5_000);
      await pass(0);
      answer = (ids) => (ids.includes('b') ? Promise.reject(new Error('answered 500')) : undefined);
      await pass(1_000);
      expect(await isDone(flushing)).toBe(false);
      await pass(1_100);
      expect([await isDone(flushing), await flushing]).toEqual([true, false]);
      expect(messages.filter((id) => id === 'a').length).toBe(2);
    });

    it.each([
      [2_000, true],
      [60_000, false],
    ])('what waits while the channel asks for a pause of %i ms, if that ends in time: %s', async (pause, isAll) => {
      open();
      const error = new DeliveryError('answered 429', { retry: true, retryAfterMs: pause });
      answer = () => new Promise((_, reject) => setTimeout(reject, 10, error));
      for (let i = 0; i < 40; i++) push(`t${i}`);
      await pass(20);
      const flushing = delivery.flush(5_000);
      await pass(1_000);
      answer = () => undefined;
      if (isAll) {
        await pass(900);
        expect(await isDone(flushing)).toBe(false);
        await pass(2_200);
      }
      expect([await isDone(flushing), isAll && (await flushing)]).toEqual([true, isAll]);
      // The one that failed first is tried before those that its pause gave back to their records.
      expect([messages.length, new Set(messages).size]).toEqual(isAll ? [72, 40] : [32, 31]);
    });

    it('no longer than asked, and reports that something is left', async () => {
      open();
      waitMs = 10_000;
      answer = fails();
      push('a');
      await pass(0);
      // It is tried at once, and would be again after the time is over.
      const flushing = delivery.flush(5_000);
      await pass(0);
      expect([await isDone(flushing), await flushing, messages.length]).toEqual([true, false, 2]);
      answer = never;
      push('b');
      const hanging = delivery.flush(1_000);
      await pass(999);
      expect(await isDone(hanging)).toBe(false);
      await pass(21);
      expect([await isDone(hanging), await hanging]).toEqual([true, false]);
    });

    it('a channel that is paused at once, and waits for a pause that ends in time', async () => {
      open();
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 60_000 }));
      push('a');
      await pass(0);
      answer = () => undefined;
      expect([await delivery.flush(1_000), messages]).toEqual([true, ['a', 'a']]);
      answer = fails(new DeliveryError('answered 429', { retry: true, retryAfterMs: 2_000 }));
      push('b');
      await pass(0);
      const flushing = delivery.flush(5_000);
      await pass(0);
      answer = () => undefined;
      await pass(2_100);
      expect([await isDone(flushing), await flushing, messages.filter((id) => id === 'b').length]).toEqual([
        true,
        true,
        3,
      ]);
    });
  });

  describe('stops', () => {
    it('after it has tried everything once more, and returns what is left', async () => {
      openGroups();
      push('a');
      answer = (ids) => (ids.includes('b') ? Promise.reject(new Error('answered 500')) : undefined);
      presents.set('b', { isAtFault: true });
      push('b');
      const stopping = delivery.stop(300);
      await pass(300);
      expect([await isDone(stopping), await stopping]).toEqual([true, ['b']]);
      expect(messages.sort()).toEqual(['a', 'b']);
      expect(lines.at(-1)).toBe('The chat channel did not send 1 alert: the process ended first');
      push('c');
      await pass(60_000);
      expect(messages).toHaveLength(2);
    });

    it('and returns what it retries until its record has been read, and then only if it is still due', async () => {
      open();
      waitMs = 5_000;
      answer = fails();
      for (const id of ['a', 'over']) push(id);
      await pass(0);
      jest
        .spyOn(incidents, 'again')
        .mockImplementation((_key, id) => (id === 'a' ? never() : Promise.resolve()) as Promise<void>);
      const stopping = delivery.stop(300);
      await pass(300);
      expect([await isDone(stopping), await stopping]).toEqual([true, ['a']]);
      expect(lines.at(-1)).toBe('The chat channel did not send 1 alert: the process ended first');
    });

    it('in time even if the channel hangs, and leaves to others what fails later', async () => {
      let fail = (): void => undefined;
      answer = () => new Promise((_, reject) => (fail = () => reject(new Error('late'))));
      open();
      push('a');
      const stopping = delivery.stop(300);
      await pass(299);
      expect(await isDone(stopping)).toBe(false);
      await pass(1);
      expect([await isDone(stopping), await stopping]).toEqual([true, ['a']]);
      expect(lines).toEqual(['The chat channel did not send 1 alert: the process ended first']);
      fail();
      await pass(0);
      expect(reports).toEqual([]);
    });

    it('once a test has ended a pause, and what waited for that is sent', async () => {
      open();
      let done = (): void => undefined;
      answer = (ids) =>
        ids.includes('b')
          ? new Promise<void>((resolve) => (done = resolve))
          : Promise.reject(new DeliveryError('answered 429', { retry: true, retryAfterMs: 60_000 }));
      for (const id of ['a', 'b']) push(id);
      const stopping = delivery.stop(300);
      await pass(100);
      expect(await isDone(stopping)).toBe(false);
      answer = () => undefined;
      void delivery.test(anAlert());
      done();
      await pass(0);
      expect([await isDone(stopping), await stopping, messages.at(-1)]).toEqual([true, [], 'a']);
    });

    it.each([
      [200, 20],
      [300, 16],
    ])('at the end of a pause of %i ms, if that is before the end of its time: %i are sent', async (pause, sent) => {
      open();
      const error = new DeliveryError('answered 429', { retry: true, retryAfterMs: pause });
      answer = () => new Promise((_, reject) => setTimeout(reject, 10, error));
      for (let i = 0; i < 20; i++) push(`t${i}`);
      const stopping = delivery.stop(310);
      await pass(10);
      answer = () => undefined;
      expect(await isDone(stopping)).toBe(pause === 300);
      await pass(300);
      expect([await isDone(stopping), new Set(messages).size]).toEqual([true, sent]);
    });

    it('and sends at once what arrives while the channel flushes its own queue', async () => {
      openGroups({ flush: () => new Promise((resolve) => setTimeout(resolve, 200, true)) });
      const stopping = delivery.stop(300);
      await pass(100);
      push('late');
      await pass(0);
      expect(messages).toEqual(['late']);
      await pass(100);
      expect(await stopping).toEqual([]);
    });

    it.each<[how: string, flush: AlertChannel['flush'], isGood: boolean]>([
      ['has sent all', () => Promise.resolve(true), true],
      ['has not', () => Promise.resolve(false), false],
      ['fails', () => Promise.reject(new Error('broken')), false],
      ['hangs', () => new Promise(() => undefined), false],
    ])('and flushes a channel that queues by itself: one that %s', async (_, flush, isGood) => {
      const asked: number[] = [];
      open({ flush: (ms) => (asked.push(ms), flush?.(ms) as Promise<boolean>) });
      const stopping = delivery.stop(300);
      await pass(299);
      if (isGood) expect(await isDone(stopping)).toBe(true);
      await pass(1);
      expect([await isDone(stopping), await stopping, asked]).toEqual([true, [], [300]]);
      const line = 'The chat channel may not have sent its last alerts: the process ended first';
      expect(lines).toEqual(isGood ? [] : [line]);
    });
  });
});
