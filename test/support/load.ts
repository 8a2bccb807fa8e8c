import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

import { LoopLateness } from './loop-watch.js';

/** One request of a load. */
export interface Shot {
  /** Milliseconds after the start of the load. */
  atMs: number;
  url: string;
  tenant: string;
}

/** Its result. */
export interface Answer {
  tenant: string;
  url: string;
  /** 0 if there was no response. */
  status: number;
  /** Without the time for which the event loop, shared by the apps of a test and their client, was blocked. */
  tookMs: number;
  /** By {@link monotonicMs}. */
  sentAt: number;
  endedAt: number;
}

/** Fastify keeps a connection open for 72 s after its last response, even if it is closing: a client that leaves first does not delay a shutdown. */
const agent = new Agent({ keepAlive: true, timeout: 1_000 });
const lateness = new LoopLateness();

/** Sends each request at its time, even if earlier ones are pending, and resolves when all are done. `seen` is told of each answer. */
export async function send(shots: readonly Shot[], seen?: (answer: Answer) => void): Promise<Answer[]> {
  lateness.start();
  const start = performance.now();
  const answers: Promise<Answer>[] = [];
  for (const shot of [...shots].sort((a, b) => a.atMs - b.atMs)) {
    const early = start + shot.atMs - performance.now();
    if (early >= 1) await wait(early);
    const answer = fire(shot);
    if (seen) void answer.then(seen);
    answers.push(answer);
  }
  return Promise.all(answers).finally(() => lateness.stop());
}

/** `count` requests of a tenant, evenly over `overMs`, to the `urls` in turn. `share` delays the first by that part of the interval. */
export function evenly(tenant: string, count: number, overMs: number, urls: readonly string[], share = 0): Shot[] {
  return Array.from({ length: count }, (_, i) => ({
    atMs: ((i + share) * overMs) / count,
    url: urls[i % urls.length] as string,
    tenant,
  }));
}

/** Number of successful requests by tenant. */
export function answeredBy(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { tenant, status } of answers) counts[tenant] = (counts[tenant] ?? 0) + (isGood(status) ? 1 : 0);
  return counts;
}

export function isGood(status: number): boolean {
  return status >= 200 && status < 300;
}

/** A clock that all processes of a machine share, and that nobody can set. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function fire({ url, tenant }: Shot): Promise<Answer> {
  const servedMs = (): number => performance.now() - lateness.totalMs();
  const start = servedMs();
  const sentAt = monotonicMs();
  return new Promise((resolve) => {
    const done = (status: number): void =>
      resolve({ tenant, url, status, tookMs: servedMs() - start, sentAt, endedAt: monotonicMs() });
    request(url, { method: 'POST', agent, headers: { 'x-project': tenant } }, (response) => {
      const status = response.statusCode as number;
      response.on('end', () => done(status)).on('error', () => done(0));
      response.resume();
    })
      .on('error', () => done(0))
      .end();
  });
}
