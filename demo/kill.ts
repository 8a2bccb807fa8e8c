import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { RedisServer } from '../test/support/redis-server.js';
import { patiently } from '../test/support/until.js';
import { call } from './clients.js';
import { DiscordOnScreen } from './discord-on-screen.js';
import { fieldOf } from './shown-message.js';

const STEP_WITHIN_MS = 20_000;
const OVER = 10;
const NOTED_WITHIN_MS = 700;

/** An incident whose replica is killed: the other one sends the end. Skipped if there is no redis-server on this machine. */
export async function showKill(): Promise<boolean> {
  const redis = await startRedis();
  if (!redis) {
    console.log('\nNo redis-server here: skipping the replica that is killed.');
    return true;
  }
  const discord = await new DiscordOnScreen().start();
  console.log('\nThe same with two replicas on one Redis, and one is killed.');
  const first = await startReplica(redis.url, discord.url);
  const second = await startReplica(redis.url, discord.url);
  const status = (): string | undefined => {
    const message = discord.shown.at(-1);
    return message && fieldOf(message, 'Incident');
  };
  try {
    console.log(`\nAcme calls ${OVER} times.`);
    await call(`${first.url}/llm/call`, 'key-acme', OVER);
    await patiently(() => status() === 'opened', STEP_WITHIN_MS);
    // Until Redis holds the id of its message: if it were killed earlier, the other replica would post a new one.
    await wait(NOTED_WITHIN_MS);
    first.process.kill('SIGKILL');
    console.log('\nThe replica that answered these calls is killed. Acme stops calling.');
    await patiently(() => status() === 'resolved', STEP_WITHIN_MS);
    const posted = discord.posted.map((message) => fieldOf(message, 'Incident'));
    const asPromised = posted.join() === 'opened' && status() === 'resolved';
    if (asPromised) console.log('\nThe other replica sent the end: the message turned green.');
    return asPromised;
  } finally {
    for (const child of [first.process, second.process]) child.kill('SIGKILL');
    await redis.kill();
    await discord.close();
  }
}

async function startReplica(redis: string, discord: string): Promise<{ process: ChildProcess; url: string }> {
  const child = fork(join(__dirname, 'replica.js'), [redis, discord]);
  const [url] = (await once(child, 'message')) as [string];
  return { process: child, url };
}

/** A Redis for this demo alone, if there is a redis-server. */
async function startRedis(): Promise<RedisServer | undefined> {
  return RedisServer.start().catch(() => undefined);
}
