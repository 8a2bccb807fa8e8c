import { fileURLToPath } from 'node:url';

import { startApp, startLoad } from '../lib/apps.mjs';
import { measure, rounded } from '../lib/cell.mjs';
import { startChild } from '../lib/children.mjs';
import { RedisServer } from '../lib/redis-server.mjs';

const PING = fileURLToPath(new URL('../apps/ping.mjs', import.meta.url));

/**
 * Contestants under load, in interleaved rounds: each round measures all of them once in each variant, beginning with another one each
 * time, so that what the machine does meanwhile falls on all alike. Each has its processes made anew in each round, and goes before the
 * next one comes: what the compiler makes of the same app differs from process to process by more than what is compared here, and an
 * app that is done tidies its memory in what would be the time of others.
 */
export async function load({ contestants, variants, platform, rounds, nodeFlags, tell, ...times }) {
  const redis = await RedisServer.start();
  const client = await startLoad();
  const ping = await startChild(PING, { port: redis.port }, { role: 'app' });
  const rows = [];
  try {
    for (let round = 0; round < rounds; round++) {
      rows.push({ contestant: 'PING', round, ...(await ping.ask('measure')) });
      for (const contestant of rotated(contestants, round)) {
        const start = { platform, redis, db: contestants.indexOf(contestant), nodeFlags };
        const measured = await measureAll(contestant, { client, variants, start, ...times });
        rows.push(...measured.map((row) => ({ contestant, round, ...row })));
      }
      tell(`round ${round + 1} of ${rounds}`);
    }
    return rows;
  } finally {
    await Promise.all([client.stop(), ping.stop(), redis.stop()]);
  }
}

/** One contestant in all variants: those of as many processes in the same ones. */
async function measureAll(contestant, { client, variants, start, ...times }) {
  const rows = [];
  for (const processes of new Set(variants.map(processesOf))) {
    const apps = await startApps(contestant, processes, start);
    const parties = { apps, load: client, redis: start.redis };
    try {
      for (const variant of variants.filter((other) => processesOf(other) === processes))
        rows.push({ ...variant, ...rounded(await measure(parties, { ...variant, ...times })) });
    } finally {
      await Promise.all(apps.map(({ child }) => child.stop()));
    }
  }
  return rows;
}

/** One process has a processor to itself; several share what there is. */
function startApps(contestant, processes, start) {
  const role = processes === 1 ? 'app' : undefined;
  return Promise.all(Array.from({ length: processes }, () => startApp(contestant, { ...start, role })));
}

function processesOf({ processes = 1 }) {
  return processes;
}

function rotated(list, by) {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
