// @ts-check
// How many files and functions of a package a request passes: V8's own count, of one request of a warm app.
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { contestantFile } from './lib/place.mjs';
import { RedisServer } from './lib/redis-server.mjs';
import { prepare } from './prepare.mjs';

const PACKAGES = {
  'throttler, Redis': /node_modules\/(@nestjs\/throttler|@nest-lab\/throttler-storage-redis)\//,
  'prom-client counter': /node_modules\/prom-client\//,
  'rate-monitor, auto': /node_modules\/nestjs-rate-monitor\//,
  'rate-monitor, await': /node_modules\/nestjs-rate-monitor\//,
  'rate-monitor, memory': /node_modules\/nestjs-rate-monitor\//,
};

prepare();
/** @type {typeof import('./apps/create-app.mjs')} */
const { createApp } = await import(contestantFile('create-app.mjs'));
await measure();
// Nobody closes the client of the throttler's storage.
process.exit();

async function measure() {
  const redis = await RedisServer.start();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  for (const [db, [contestant, files]] of Object.entries(PACKAGES).entries()) {
    const app = await createApp({ contestant, redis: { port: redis.port, db }, options: {} });
    await app.listen(0, '127.0.0.1');
    const request = () =>
      fetch(`http://127.0.0.1:${app.getHttpServer().address().port}/llm/call`, {
        method: 'POST',
        headers: { 'x-tenant': 'tenant', 'content-type': 'application/json' },
        body: '{}',
      }).then((response) => response.text());
    for (let i = 0; i < 5; i++) await request();
    // Nothing is due any more: what is counted from here on is the request, and what it causes within a flush.
    await sleep(400);
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    await request();
    const before = await calledIn(files, session);
    await sleep(200);
    const after = await calledIn(files, session);
    await session.post('Profiler.stopPreciseCoverage');
    console.log(`${contestant}: ${plural(before)} until the response, ${plural(after)} with what follows`);
    await app.close();
  }
  session.disconnect();
  await redis.stop();
}

/** Counts since the last time. */
async function calledIn(/** @type {RegExp} */ files, /** @type {Session} */ session) {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const called = result
    .filter(({ url }) => files.test(url))
    .map(({ url, functions }) => ({
      url,
      functions: functions.filter(({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0),
    }))
    .filter(({ functions }) => functions.length > 0);
  if (process.env.SHOW)
    for (const { url, functions } of called)
      console.log(url.split('/node_modules/').at(-1), functions.map(({ functionName }) => functionName).join(' '));
  return { files: called.length, functions: called.reduce((sum, { functions }) => sum + functions.length, 0) };
}

function plural(/** @type {{ files: number, functions: number }} */ { files, functions }) {
  return `${files} files and ${functions} functions`;
}
