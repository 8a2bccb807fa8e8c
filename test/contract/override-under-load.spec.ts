import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { RateCounterService, ThresholdService } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { calmWindowMs } from '../support/calm-window.js';
import { VersionProcess } from '../support/version-process.js';
import { RedisServer } from '../support/redis-server.js';
import { endsWithin, until } from '../support/until.js';

const PROCESSES = 4;
const TENANTS = ['acme', 'bolt', 'core', 'dune'];
/** 2,000 a second in all. */
const EACH_MS = 50;
const AT_ONCE = (2_000 * EACH_MS) / 1_000 / PROCESSES;
/** A process that is killed loses what it had not published: a flush interval, and what this busy machine adds to it. */
const LOST_MS = 500;
/** In the names of tenants that are counted only to see whether a threshold still holds. */
const PROBE = 'probe';

const wait = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

/** Counts for tenants in turn until it is stopped, or its process is killed. */
class Load {
  /** When answers came. Each is about `AT_ONCE` requests. */
  private readonly answered: number[] = [];
  private isRunning = true;
  private readonly end: Promise<void>;

  constructor(process: VersionProcess, first: number) {
    this.end = this.run(process, first);
  }

  get counted(): number {
    return this.answered.length * AT_ONCE;
  }

  /** What was counted in the last `ms` milliseconds. */
  countedWithin(ms: number): number {
    const since = performance.now() - ms;
    return this.answered.filter((at) => at > since).length * AT_ONCE;
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    await this.end;
  }

  private async run(process: VersionProcess, first: number): Promise<void> {
    const start = performance.now();
    for (let round = 0; this.isRunning; round++) {
      try {
        await process.count(TENANTS[(round + first) % TENANTS.length] as string, AT_ONCE);
      } catch {
        return;
      }
      this.answered.push(performance.now());
      const next = start + (round + 1) * EACH_MS - performance.now();
      if (next > 0) await wait(next);
    }
  }
}

describe('a threshold that is set while four processes count 2,000 requests a second', () => {
  const options = { keyPrefix: 'load', categories: { llm_call: { threshold: 1_000_000, windowMs: calmWindowMs() } } };
  const set = { category: 'llm_call', reason: 'test', by: 'dana' };
  const data = mkdtempSync(join(tmpdir(), 'override-'));
  const ended: VersionProcess[] = [];
  /** Requests in all, and how many of them a process that was killed may not have published, or not have answered. */
  const sums = { counted: 0, lost: 0, unanswered: 0, ended: 0 };
  /** What the first process counted so far. */
  let ofFirst = 0;
  let server: RedisServer;
  let client: Redis;
  let processes: VersionProcess[];
  let app: TestApp;
  let thresholds: ThresholdService;

  beforeAll(async () => {
    server = await RedisServer.start('--appendonly', 'yes', '--dir', data);
    const start = (): Promise<VersionProcess> => VersionProcess.start('this', server.url, options);
    processes = await Promise.all(Array.from({ length: PROCESSES }, start));
    // The process in which thresholds are set.
    client = new Redis(server.url);
    client.on('error', () => undefined);
    app = await startApp({ options: { ...options, redis: client } });
    thresholds = app.app.get(ThresholdService);
  });
  afterAll(async () => {
    await Promise.all([...processes.map((each) => each.stop()), app.close()]);
    client.disconnect();
    await server.kill();
    rmSync(data, { recursive: true });
  });

  /** The app where thresholds are set has a channel of its own, which hears the same. */
  const allAlerted = (): string[] =>
    [...ended, ...processes].flatMap(({ alerts }) => alerts.map(({ tenant }) => tenant));
  const alerted = (): string[] =>
    allAlerted()
      .filter((tenant) => !tenant.includes(PROBE))
      .sort();
  const ofEach = (tenant: string): string[] => processes.map((_, i) => `${tenant}_${i}`);
  /** Each process counts three of a tenant that no other counts. */
  const countOnEach = (tenant: string): Promise<unknown> =>
    Promise.all(processes.map((each, i) => each.count(`${tenant}_${i}`, 3)));
  /** Counts on until each has alerted: the threshold holds there, within two seconds. */
  const countUntilHeard = async (tenant: string): Promise<void> => {
    const heard = until(async () => {
      await countOnEach(tenant);
      await wait(100);
      return ofEach(tenant).every((each) => alerted().includes(each));
    });
    // Two seconds until it applies, and one for the alert about what is counted then.
    expect(await endsWithin(heard, 3_000)).toBe(true);
  };
  /**
   * Counts new tenants on each until none alerts: the threshold is gone there, within two seconds. How soon an alert is heard depends on the
   * machine, so what is counted after it, where a threshold holds, has to be heard first.
   */
  const countUntilSilent = async (gone: string, holds: string): Promise<void> => {
    const rounds: [string, string][] = [];
    const silent = until(async () => {
      const [probe, after] = [gone, holds].map((prefix) => `${prefix}_${PROBE}_${rounds.length}`) as [string, string];
      rounds.push([probe, after]);
      await countOnEach(probe);
      await countOnEach(after);
      await wait(100);
      const heard = new Set(allAlerted());
      return rounds.some(
        ([first, then]) =>
          ofEach(then).every((each) => heard.has(each)) && !ofEach(first).some((each) => heard.has(each)),
      );
    });
    expect(await endsWithin(silent, 3_000)).toBe(true);
  };
  const sum = async (): Promise<number> => {
    const counter = app.app.get(RateCounterService);
    const counts = await Promise.all(TENANTS.map((tenant) => counter.read('llm_call', tenant)));
    return counts.reduce((all, one) => all + one, 0);
  };
  const everything = async (): Promise<boolean> => (await sum()) >= sums.counted - sums.lost;

  it('loses no count, alerts at once and only once if it is below the count, and applies everywhere within two seconds', async () => {
    const loads = processes.map((each, i) => new Load(each, i));
    await wait(1_000);
    await thresholds.set({ ...set, tenant: 'acme', threshold: 20 });
    await thresholds.set({ ...set, tenant: 'bolt', threshold: 10_000_000 });
    await thresholds.set({ ...set, tenant: 'late_*', threshold: 2 });
    const told = until(() => alerted().length > 0);
    expect(await endsWithin(told, 2_500)).toBe(true);
    await countUntilHeard('late');
    await Promise.all(loads.map((load) => load.stop()));
    sums.counted = loads.reduce((all, { counted }) => all + counted, 0);
    ofFirst = loads[0]?.counted ?? 0;
    await until(everything);
    expect(await sum()).toBe(sums.counted);
    await until(() => alerted().length === 1 + PROCESSES);
    expect(alerted()).toEqual(['acme', ...ofEach('late')].sort());
  });

  it.each(['with its data', 'empty'])(
    'holds after the store was restarted %s, and a process was killed',
    async (how) => {
      const before = alerted();
      const [kept, removed, later] = ['kept', 'removed', 'later'].map((what) => `${what} ${how}`) as [
        string,
        string,
        string,
      ];
      const loads = processes.map((each, i) => new Load(each, i));
      await wait(500);
      // No other replica has looked since when the store goes away.
      await thresholds.set({ ...set, tenant: `${kept}_*`, threshold: 2 });
      await thresholds.set({ ...set, tenant: `${removed}_*`, threshold: 2 });
      await thresholds.remove({ ...set, tenant: `${removed}_*` });
      const counted = (): number => loads.reduce((all, load) => all + load.counted, 0);
      await server.kill();
      await wait(1_000);
      await expect(thresholds.set({ ...set, tenant: `${later}_*`, threshold: 2 })).rejects.toThrow();
      if (how === 'empty') rmSync(join(data, 'appendonlydir'), { recursive: true });
      await server.restart();
      // What the killed process of the test before had published is put back in part: docs/faults.md has how much.
      if (how === 'empty') sums.lost += sums.ended;
      // A process that looked between the set and the remove knew of the set alone when the store went away.
      await Promise.all([countUntilHeard(kept), countUntilSilent(removed, kept)]);
      await countOnEach(removed);
      await countOnEach(removed);
      const expected = [...before, ...ofEach(kept)].sort();

      // One is killed while a threshold is set, and another takes its place.
      const [first, firstLoad] = [processes[0], loads[0]] as [VersionProcess, Load];
      const [, replacement] = await Promise.all([
        thresholds.set({ ...set, tenant: `${later}_*`, threshold: 2 }),
        VersionProcess.start('this', server.url, options),
        first.kill().then(() => {
          sums.lost += firstLoad.countedWithin(LOST_MS);
          sums.unanswered += AT_ONCE;
          sums.ended += ofFirst + firstLoad.counted;
          ofFirst = 0;
        }),
      ]);
      ended.push(first);
      processes[0] = replacement;
      loads.push(new Load(replacement, 0));
      await countUntilHeard(later);
      await countOnEach(removed);
      const all = [...expected, ...ofEach(later)].sort();
      await Promise.all(loads.map((load) => load.stop()));
      sums.counted += counted();
      await until(everything);
      expect(await sum()).toBeGreaterThanOrEqual(sums.counted - sums.lost);
      expect(await sum()).toBeLessThanOrEqual(sums.counted + sums.unanswered);
      expect(alerted()).toEqual(all);
      expect((await thresholds.list()).map(({ tenant }) => tenant)).not.toContain(`${removed}_*`);
    },
  );
});
