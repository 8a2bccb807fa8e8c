import { anAlert } from '../support/alerts.js';
import { seenMonitor } from '../support/dashboard.js';
import type { AlertRecord } from '../../src/model/alert-record.js';
import type { NewNotice } from '../../src/notices/notices.js';
import type { BlindTime } from '../../src/model/blind-time.js';
import type { RateMonitorOptions } from '../../src/index.js';
import { Digests, type DigestSources } from '../../src/notices/digests.js';

const START = 1_790_002_800_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** It would be taken for a digest up to now. */
const UNTIL = { from: START, until: START + HOUR };

function digestsOf(more: Partial<DigestSources> = {}, categories?: RateMonitorOptions['categories']) {
  const monitor = seenMonitor(START, categories);
  const { replica, view, clock } = monitor;
  const sent: { key: string; notice: NewNotice }[] = [];
  /** What the history says of itself. */
  const kept = { unread: undefined as unknown, completeSince: -Infinity };
  const digests = new Digests({
    categories: view.categories,
    usage: view.usage,
    now: () => clock.now,
    localNow: () => clock.now,
    history: () => Promise.resolve({ alerts: monitor.alerts, ...kept }),
    blindTimes: () => Promise.resolve([]),
    notices: {
      sendOnce: async (key, make) => {
        sent.push({ key, notice: await make() });
        return [];
      },
    },
    ...more,
  });
  /** Counts of each tenant, minute by minute. */
  const minutes = async (counts: Record<string, number>, times = 1): Promise<void> => {
    for (let i = 0; i < times; i++) {
      for (const [tenant, count] of Object.entries(counts)) await replica.count('llm_call', tenant, count);
      await replica.recorder.look();
      clock.now += MINUTE;
      await replica.recorder.look();
    }
  };
  return { monitor, digests, sent, minutes, clock, kept };
}

describe('a digest', () => {
  it('of a quiet time is empty, and is sent as info', async () => {
    const { digests, sent, minutes, clock } = digestsOf();
    await minutes({ proj_1: 3 }, 3);
    const { incidents, peaks, near, blind, failures, advice } = await digests.digest({ from: START });
    expect([incidents, peaks, near, blind, failures, advice]).toEqual([[], [], [], [], [], []]);
    await digests.sendDigest({ from: START, to: clock.now });
    expect(sent[0]?.notice).toMatchObject({
      kind: 'digest',
      severity: 'info',
      title: 'Calm: nothing to report in 3 min',
      lines: ['From 2026-09-21 15:00 to 2026-09-21 15:03 UTC'],
    });
  });

  it('fails with plain words while the store is away', async () => {
    const away = () => Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    const reason = 'the store is away (there is no connection). Try again when it is back';
    const { digests } = digestsOf({ blindTimes: away });
    const range = { from: START - HOUR };
    await expect(digests.digest(range)).rejects.toThrow(`There is no digest: ${reason}`);
    await expect(digests.sendDigest(range)).rejects.toThrow(`The digest was not sent: ${reason}`);
  });

  it('names tenants over and near their threshold with their highest count and its minute, and nobody else', async () => {
    const { digests, minutes } = digestsOf();
    await minutes({ calm: 7, near: 8, edge: 8, over: 4 });
    await minutes({ calm: 2, near: 10, over: 47 });
    await minutes({ over: 12 });
    const { peaks, near } = await digests.digest({ from: START });
    expect(peaks).toEqual([
      {
        category: 'llm_call',
        window: '',
        tenant: { id: 'over' },
        count: 47,
        threshold: 10,
        at: new Date(START + MINUTE),
      },
    ]);
    expect(near.map(({ tenant, count, at }) => [tenant.id, count, at])).toEqual([
      ['near', 10, new Date(START + MINUTE)],
      ['edge', 8, new Date(START)],
    ]);
    // Earlier alerts are not in it.
    const later = await digests.digest({ from: START + 2 * MINUTE });
    expect([later.peaks[0]?.count, later.near]).toEqual([12, []]);
  });

  it('names who was over or near in a longer window of the period, not in the one that begins at its end', async () => {
    const windows = [{ threshold: 100 }, { threshold: 20, windowMs: HOUR }, { threshold: 30, period: 'day' as const }];
    const { digests, minutes, clock } = digestsOf({}, { llm_call: { windows } });
    clock.now += 10 * MINUTE;
    await minutes({ over: 21, near: 16 });
    clock.now = START + HOUR;
    await minutes({ over: 5, near: 17, next: 99 });
    const told = async (to?: number) => {
      const { peaks, near } = await digests.digest({ from: START, to });
      return [peaks, near].map((all) =>
        all.map(({ tenant, window, count, at }) => [tenant.id, window, count, at.getTime() - START]),
      );
    };
    // The day continues after the period, so its counts are the present ones.
    const now = HOUR + MINUTE;
    const ofDay = [
      ['next', 'day', 99, now],
      ['near', 'day', 33, now],
    ];
    expect(await told(START + HOUR)).toEqual([
      [...ofDay, ['over', 'hour', 21, HOUR]],
      [
        ['over', 'day', 26, now],
        ['near', 'hour', 16, HOUR],
      ],
    ]);
    expect(await told(START + 400 * 24 * HOUR)).toEqual([
      [['next', 'hour', 99, now], ...ofDay, ['over', 'hour', 21, HOUR]],
      [
        ['next', 'minute', 99, HOUR],
        ['over', 'day', 26, now],
        ['near', 'hour', 17, now],
      ],
    ]);
  });

  it('names who was near, however many were over', async () => {
    const { digests, minutes } = digestsOf();
    await minutes({ ...Object.fromEntries(Array.from({ length: 45 }, (_, i) => [`t${i}`, 20 + i])), near: 9 });
    const { peaks, near } = await digests.digest({ from: START });
    expect([peaks.length, near.map(({ tenant }) => tenant.id)]).toEqual([20, ['near']]);
  });

  it('names a threshold that advice would change', async () => {
    const { digests, minutes } = digestsOf();
    for (let i = 0; i < 13; i++) {
      await minutes({ a: 20, b: 21, c: 20 });
      await minutes({ a: 4, b: 5, c: 6 }, 2);
    }
    const { advice } = await digests.digest({ from: START });
    expect(advice).toMatchObject([{ category: 'llm_call', threshold: 10 }]);
    expect(advice[0]?.suggested).toBeGreaterThan(20);
  });

  it('has the alerts of the period, worst first, and those that were not delivered', async () => {
    const { digests, monitor } = digestsOf();
    const record = (id: string, at: number, more: Partial<AlertRecord> = {}): AlertRecord => ({
      id,
      raisedAt: new Date(at),
      channels: { log: { status: 'delivered', attempts: 1 } },
      alert: anAlert({ windowStart: new Date(at), windowEnd: new Date(at + MINUTE) }),
      ...more,
    });
    const critical = anAlert({ count: 99, level: { at: 5, severity: 'critical' } });
    const discord = { status: 'failed' as const, attempts: 3, reason: 'answered 404' };
    const incident = { id: 'i', status: 'reminded' as const, startedAt: new Date(0), lastedMs: HOUR, total: 9 };
    const open = anAlert({ count: 11, incident: { ...incident, peak: { count: 50, windowStart: new Date(0) } } });
    monitor.alerts.push(
      record('before', START - HOUR),
      record('open', START - HOUR, { alert: open }),
      record('one', START + MINUTE),
      record('worst', START + 2 * MINUTE, { alert: critical, channels: { discord } }),
      record('after', START + 2 * HOUR),
    );
    for (const range of [{ from: 'x' }, { from: START, to: 9e15 }, { from: START, to: START }, {}])
      await expect(digests.digest(range as never)).rejects.toThrow('from is not before to');
    for (const range of [undefined, null, 5])
      await expect(digests.digest(range as never)).rejects.toThrow(
        /^the options are .*: write an object with from, to$/,
      );
    for (const asked of [() => digests.digest(UNTIL), () => digests.sendDigest(UNTIL)])
      await expect(asked()).rejects.toThrow('until is not an option: write one of from, to');
    const { incidents, failures } = await digests.digest({ from: START, to: START + HOUR });
    expect(incidents.map(({ id }) => id)).toEqual(['worst', 'one', 'open']);
    expect(failures).toEqual([
      { channel: 'discord', category: 'llm_call', tenant: { id: 'proj_1', name: 'Acme' }, reason: 'answered 404' },
    ]);
  });

  it('is sent as lines, five of each kind', async () => {
    const [from, to] = [new Date(START), new Date(START + 5 * MINUTE)];
    const blind: BlindTime = {
      from,
      to,
      instances: [{ instance: 'a', host: 'h', pid: 1, from, to, counted: 50, lost: 4 }],
    };
    const { digests, sent, minutes, monitor } = digestsOf({ blindTimes: () => Promise.resolve([blind]) });
    await minutes(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`t${i}`, 20 + i])));
    monitor.alerts.push({
      id: 'x',
      raisedAt: new Date(START),
      channels: { slack: { status: 'retried', attempts: 2 } },
      alert: anAlert({ window: 'day', tenant: { id: 'p', name: 'Acme", calm\n' } }),
    });
    const peak = { count: 50, windowStart: new Date(START) };
    const incident = {
      id: 'i',
      status: 'opened' as const,
      startedAt: new Date(START - 15 * HOUR),
      lastedMs: 15 * HOUR,
    };
    monitor.alerts.push({
      id: 'y',
      raisedAt: new Date(START),
      channels: {},
      alert: anAlert({ window: 'day', count: 16, windowMs: 24 * HOUR, incident: { ...incident, peak, total: 50 } }),
    });
    const ended = { ...incident, status: 'resolved' as const, peak: { ...peak, count: 16 }, total: 16 };
    monitor.alerts.push({
      id: 'z',
      raisedAt: new Date(START),
      channels: {},
      alert: anAlert({ window: 'day', count: 16, windowMs: 24 * HOUR, incident: ended }),
    });
    await digests.sendDigest({ from: START });
    expect(sent[0]?.notice.title).toBe('What happened in 1 min');
    expect(sent[0]?.notice.severity).toBe('warning');
    expect(sent[0]?.notice.lines).toEqual([
      'From 2026-09-21 15:00 to 2026-09-21 15:01 UTC',
      `Warning: "Acme', calm" (p), llm_call day 47 of 15 in 1 min, from 2026-09-21 15:00`,
      `Warning, still open: "Acme" (proj_1), llm_call day 16 of 15 in 24 h, from 2026-09-21 00:00 for 15 h, peak 50`,
      `Warning: "Acme" (proj_1), llm_call day 16 of 15 in 24 h, from 2026-09-21 00:00 for 15 h`,
      'Over: t7, llm_call 27 of 10 at 2026-09-21 15:00',
      'Over: t6, llm_call 26 of 10 at 2026-09-21 15:00',
      'Over: t5, llm_call 25 of 10 at 2026-09-21 15:00',
      'Over: t4, llm_call 24 of 10 at 2026-09-21 15:00',
      'Over: t3, llm_call 23 of 10 at 2026-09-21 15:00',
      'and 3 more tenants over their thresholds',
      'Blind: 1 instance from 2026-09-21 15:00 for 5 min, 4 lost',
      `Not delivered by slack: "Acme', calm" (p), llm_call day`,
    ]);
  });

  it('says that there may be more if a list is cut', async () => {
    const { digests, sent, minutes, monitor, kept } = digestsOf();
    kept.completeSince = START + 1;
    await minutes(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`t${i}`, (i < 15 ? 20 : 30) + i])));
    const channels = { slack: { status: 'failed' as const, attempts: 1 } };
    for (let i = 0; i < 500; i++)
      monitor.alerts.push({ id: `${i}`, raisedAt: new Date(START), channels, alert: anAlert() });
    await digests.sendDigest({ from: START });
    const more = sent[0]?.notice.lines.filter((line) => /^(and|Only) /.test(line));
    expect(more).toEqual([
      'and at least 495 more alerts',
      'and at least 15 more tenants over their thresholds',
      'and at least 495 more alerts not delivered',
      'Only the newest 500 alerts are kept: there may have been more',
    ]);
  });

  it('is not calm if the history may have dropped alerts of its period, and says so', async () => {
    const { digests, sent, kept } = digestsOf();
    const period = { from: START - 2 * HOUR, to: START - HOUR };
    kept.completeSince = period.from;
    await digests.sendDigest(period);
    expect(sent.pop()?.notice).toMatchObject({ severity: 'info', lines: [expect.stringContaining('From')] });
    kept.completeSince = period.from + 1;
    await digests.sendDigest(period);
    expect(sent.pop()?.notice).toMatchObject({
      severity: 'warning',
      title: 'What happened in 1 h',
      lines: [expect.stringContaining('From'), 'Only the newest 500 alerts are kept: there may have been more'],
    });
  });

  it('fails if alerts that are over cannot be read, instead of being calm', async () => {
    const { digests, kept } = digestsOf();
    kept.unread = Object.assign(new Error('WRONGTYPE Operation against a key'), { name: 'ReplyError' });
    const reason = 'the store refused it (WRONGTYPE Operation against a key)';
    await expect(digests.digest({ from: START - HOUR })).rejects.toThrow(`There is no digest: ${reason}`);
    await expect(digests.sendDigest({ from: START - HOUR })).rejects.toThrow(`The digest was not sent: ${reason}`);
  });

  it('has one key for replicas that ask at the same time, and another key next time', async () => {
    const { digests, sent } = digestsOf();
    const [at, day] = [START + 24 * HOUR, 24 * HOUR];
    for (const ahead of [-900, 0, 1_200, day]) await digests.sendDigest({ from: at + ahead - day, to: at + ahead });
    const keys = sent.map(({ key }) => key);
    expect([new Set(keys.slice(0, 3)).size, new Set(keys).size]).toEqual([1, 2]);
  });

  it("has one key for replicas that ask at the same time by their own clocks, even if the store's clock differs", async () => {
    const keys = [-50_000, 0, 40_000].map(async (behind) => {
      const { digests, sent, clock } = digestsOf({ localNow: () => START });
      clock.now += behind;
      await digests.sendDigest({ from: START - HOUR });
      return sent[0]?.key;
    });
    expect(new Set(await Promise.all(keys))).toEqual(new Set([`digest:${(START - HOUR) / MINUTE}:${START / MINUTE}`]));
  });

  it('works without usage, and refuses a period that has not begun', async () => {
    const { digests } = digestsOf({ usage: undefined });
    expect((await digests.digest({ from: START - HOUR })).peaks).toEqual([]);
    await expect(digests.digest({ from: START + HOUR })).rejects.toThrow(RangeError);
  });
});
