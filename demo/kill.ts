import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { call } from './clients.js';
import { DiscordStandIn } from './discord-stand-in.js';
import { asText, fieldOf, type ShownMessage } from './shown-message.js';
import { until } from './until.js';
import { freePort } from '../test/support/free-port.js';

const STEP_WITHIN_MS = 20_000;
const OVER = 10;
const NOTED_WITHIN_MS = 700;

/** An incident whose replica is killed: the other one sends the end. Left out if there is no redis-server on this machine. */
export async function showKill(): Promise<boolean> {
  const redis = await startRedis();
  if (!redis) {
    console.log('\nNo redis-server here: what happens when a replica is killed is left out.');
    return true;
  }
  const discord = new DiscordStandIn((message, edits) =>
    console.log(`\nDiscord, ${edits === 0 ? 'a new message' : `edit ${edits}`}:\n${asText(message)}`),
  );
  const webhook = await discord.start();
  console.log('\nThe same with two replicas on one Redis, of which one is killed.');
  const first = await startReplica(redis.url, webhook);
  const second = await startReplica(redis.url, webhook);
  const status = (): string | undefined => {
    const message = discord.messages.at(-1)?.at(-1);
    return message && fieldOf(message, 'Incident');
  };
  try {
    console.log(`\nAcme calls ${OVER} times.`);
    await call(`${first.url}/llm/call`, 'key-acme', OVER);
    await until(() => status() === 'opened', STEP_WITHIN_MS);
    // Until Redis knows which message it posted: killed before, the other replica would post a new one.
    await wait(NOTED_WITHIN_MS);
    first.process.kill('SIGKILL');
    console.log('\nThe replica that answered these calls is killed. Acme calls no more.');
    await until(() => status() === 'resolved', STEP_WITHIN_MS);
    const posted = discord.messages.map((versions) => fieldOf(versions[0] as ShownMessage, 'Incident'));
    const asPromised = posted.join() === 'opened' && status() === 'resolved';
    if (asPromised) console.log('\nThe other replica sent the end: the message turned green.');
    return asPromised;
  } finally {
    for (const child of [first.process, second.process, redis.process]) child.kill('SIGKILL');
    discord.stop();
  }
}

async function startReplica(redis: string, discord: string): Promise<{ process: ChildProcess; url: string }> {
  const child = fork(join(__dirname, 'replica.js'), [redis, discord]);
  const [url] = (await once(child, 'message')) as [string];
  return { process: child, url };
}

/** A Redis for this demo alone. */
async function startRedis(): Promise<{ process: ChildProcess; url: string } | undefined> {
  const port = await freePort();
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '']);
  const isReady = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.once('exit', () => resolve(false));
    server.stdout.on('data', (text: Buffer) => text.includes('Ready to accept connections') && resolve(true));
  });
  return (await isReady) ? { process: server, url: `redis://127.0.0.1:${port}` } : undefined;
}
