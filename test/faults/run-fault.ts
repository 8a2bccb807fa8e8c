import { setTimeout as wait } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { redisKey } from '../../src/store/redis/counter-key.js';
import type { RateAlert } from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import { answeredBy, send, type Answer } from '../support/load.js';
import { calmWindowMs } from '../support/calm-window.js';
import { patiently } from '../support/until.js';
import { startInstance, startUnmonitored } from './instances.js';
import { COUNTINGS, type Counting, type Fault, type Scene } from './scene.js';
import { ALL_TENANTS, GOING_OVER, requestsOf, type Phase } from './traffic.js';

const CALM_MS = 1_000;
const ASK_EVERY_MS = 50;

/** The outcome of one mode. */
interface Outcome {
  answers: Answer[];
  answered: Record<string, number>;
  /** The sum in the store, by tenant. */
  sums: Record<string, number>;
  alerts: RateAlert[];
  /** The log lines about the store, by instance. */
  said: { gone: number; back: number }[];
  /** The logged reasons for its absence. */
  reasons: string[];
}

/** The lines of an instance. */
type SaidBy = (name: string) => readonly string[];

/** The outcome of a fault. */
export interface Outcomes extends Record<Counting, Outcome> {
  /** The same load at the same time on an unmonitored app. */
  unmonitored: Answer[];
  /** The slowest answer of an untouched Redis, in milliseconds. */
  undisturbedRedisMs: number;
  /** What was said of counters that the store will never take, by all instances together. */
  refusals: string[];
}

/** All modes go through one and the same fault, two instances of each, beside two that monitor nothing. */
export async function runFault(fault: Fault): Promise<Outcomes> {
  const scene = await fault.start();
  const windowMs = calmWindowMs();
  const pairs = await Promise.all(COUNTINGS.map((counting) => Pair.start(counting, scene, windowMs)));
  const control = await Promise.all([startUnmonitored(), startUnmonitored()]);
  const apps = [...control, ...pairs.flatMap((pair) => pair.apps)];
  const unmonitored: Answer[] = [];
  const bystander = new Bystander();
  // All apps of a process write to the log of the last one.
  const said = (name: string) => apps.flatMap(({ log }) => log.of(`${name} `));
  const all = (phase: Phase, overMs: number) =>
    Promise.all([
      ...pairs.map((pair) => pair.load(phase, overMs)),
      send(requestsOf(phase, overMs, urlsOf(control))).then((answers) => unmonitored.push(...answers)),
    ]);
  try {
    await warmUp(apps);
    await all('before', CALM_MS);
    await Promise.all([scene.inject(), all('during', fault.lastsMs)]);
    // On a busy machine it takes longer until it is noticed.
    await patiently(async () => {
      if (pairs.every((pair) => pair.hasNoticed(fault, said))) return true;
      await Promise.all(pairs.map((pair) => pair.loadMore()));
      return false;
    });
    await Promise.all([scene.recover(), all('after', CALM_MS)]);
    const [auto, ofAwait, background] = (await Promise.all(pairs.map((pair) => pair.outcome(fault, said)))) as [
      Outcome,
      Outcome,
      Outcome,
    ];
    const refusals = apps.flatMap(({ log }) => log.of(' was refused ('));
    return { auto, await: ofAwait, background, unmonitored, undisturbedRedisMs: bystander.slowestMs, refusals };
  } finally {
    await bystander.stop();
    await Promise.all(apps.map((app) => app.close()));
    await scene.stop();
  }
}

export function longest(answers: readonly Answer[]): number {
  return Math.max(...answers.map(({ tookMs }) => tookMs));
}

/** The first requests to an app find it cold: they go where nothing is counted. */
async function warmUp(apps: readonly TestApp[]): Promise<void> {
  await Promise.all(apps.flatMap((app) => Array.from({ length: 30 }, () => app.post('/llm/free'))));
}

function urlsOf(apps: readonly TestApp[]): [string, string] {
  return apps.map(({ url }) => `${url}/llm/call`) as [string, string];
}

/** Asks the Redis of the suite, which nothing happens to, again and again. */
class Bystander {
  slowestMs = 0;
  private readonly redis = new Redis(process.env.TEST_REDIS_URL as string);
  private isAsking = true;
  private readonly asked = this.ask();

  async stop(): Promise<void> {
    this.isAsking = false;
    await this.asked;
    this.redis.disconnect();
  }

  private async ask(): Promise<void> {
    while (this.isAsking) {
      const began = performance.now();
      await this.redis.ping();
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      await wait(ASK_EVERY_MS);
    }
  }
}

/** Two instances that count into one store. */
class Pair {
  private readonly answers: Answer[] = [];

  private constructor(
    private readonly counting: Counting,
    private readonly scene: Scene,
    private readonly windowMs: number,
    readonly apps: readonly TestApp[],
  ) {}

  static async start(counting: Counting, scene: Scene, windowMs: number): Promise<Pair> {
    const names = [1, 2].map((number) => nameOf(counting, number));
    const apps = names.map((name) =>
      startInstance({ client: scene.client(), keyPrefix: counting, name, counting, windowMs }),
    );
    return new Pair(counting, scene, windowMs, await Promise.all(apps));
  }

  async load(phase: Phase, overMs: number): Promise<void> {
    this.answers.push(...(await send(requestsOf(phase, overMs, urlsOf(this.apps)))));
  }

  /** One request to each, of a tenant of which nothing is known: counting that waits for the store waits for it. */
  async loadMore(): Promise<void> {
    const tenant = `more_${this.answers.length}`;
    this.answers.push(...(await send(urlsOf(this.apps).map((url) => ({ atMs: 0, url, tenant })))));
  }

  hasNoticed({ saidIn }: Fault, saidBy: SaidBy): boolean {
    if (!saidIn.includes(this.counting)) return true;
    return [1, 2].every((number) => ofStore(saidBy(nameOf(this.counting, number))).gone > 0);
  }

  /** Resolves when the state is as expected, or after the time limit. */
  async outcome({ saidIn, lost = [] }: Fault, saidBy: SaidBy): Promise<Outcome> {
    const answered = answeredBy(this.answers);
    const expected = saidIn.includes(this.counting) ? 1 : 0;
    let outcome = await this.look(answered, saidBy);
    const isComplete = ({ sums, said, alerts }: Outcome): boolean =>
      ALL_TENANTS.every((tenant) => lost.includes(tenant) || sums[tenant] === answered[tenant]) &&
      said.every(({ gone, back }) => gone >= expected && back >= gone) &&
      alerts.length >= GOING_OVER.length;
    await patiently(async () => isComplete((outcome = await this.look(answered, saidBy))));
    return outcome;
  }

  private async look(answered: Record<string, number>, saidBy: SaidBy): Promise<Outcome> {
    const sums = await Promise.all(ALL_TENANTS.map(async (tenant) => [tenant, await this.sum(tenant)] as const));
    const lines = [1, 2].map((number) => saidBy(nameOf(this.counting, number)));
    return {
      answers: this.answers,
      answered,
      sums: Object.fromEntries(sums),
      alerts: this.apps.flatMap(({ alerts }) => alerts),
      said: lines.map(ofStore),
      reasons: lines.flatMap(reasonsIn),
    };
  }

  private async sum(tenant: string): Promise<number> {
    const { windowMs } = this;
    const key = redisKey(this.counting, { category: 'llm_call', tenant }, String(Math.floor(Date.now() / windowMs)));
    const read = this.scene.reader.hget(key, 'total');
    return Number((await read.catch(() => undefined)) ?? 0);
  }
}

/** How often it was said that the store goes, and that it is back. */
function ofStore(lines: readonly string[]): { gone: number; back: number } {
  const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
  return { gone: count(/ is away \(| answers too slowly /), back: count(/ is back after /) };
}

/** Why it was said that the store goes. */
function reasonsIn(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, fault, slowness] = / is away \((.*)\): | answers (too slowly) /.exec(line) ?? [];
    return fault ?? slowness ?? [];
  });
}

function nameOf(counting: Counting, number: number): string {
  return `Redis of ${counting} ${number}`;
}
