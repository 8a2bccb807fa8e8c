import { fileURLToPath } from 'node:url';

import { startApp, startLoad } from '../lib/apps.mjs';
import { measure, rounded } from '../lib/cell.mjs';
import { startChild } from '../lib/children.mjs';
import { RedisServer } from '../lib/redis-server.mjs';

const PING = fileURLToPath(new URL('../apps/ping.mjs', import.meta.url));

/**
 * Contestants under load, in interleaved rounds: each round measures all of them once in each variant, beginning with another one
 * each time, so that what the machine does meanwhile falls on all alike. Processes are made anew every `roundsPerFleet` rounds: what the
 * compiler makes of the same app differs from process to process by far more than what is compared here.
 */
export async function load({ contestants, variants, platform, rounds, roundsPerFleet, nodeFlags, tell, ...times }) {
  const redis = await RedisServer.start();
  const client = await startLoad();
  const ping = await startChild(PING, { port: redis.port }, { role: 'app' });
  const rows = [];
  try {
    for (let first = 0; first < rounds; first += roundsPerFleet) {
      const fleet = new Fleet(redis, platform, nodeFlags);
      try {
        await warmUp(fleet, client, { contestants, variants, ...times });
        for (let round = first; round < Math.min(first + roundsPerFleet, rounds); round++) {
          rows.push({ contestant: 'PING', round, ...(await ping.ask('measure')) });
          rows.push(...(await measureRound(fleet, client, { contestants, variants, round, ...times })));
          tell(`round ${round + 1} of ${rounds}`);
        }
      } finally {
        await fleet.stop();
      }
    }
    return rows;
  } finally {
    await Promise.all([client.stop(), ping.stop(), redis.stop()]);
  }
}

/** Everything is compiled before anything is measured. */
async function warmUp(fleet, client, { contestants, variants, jitMs }) {
  for (const contestant of contestants) {
    for (const { processes = 1 } of variants) {
      const apps = await fleet.of(contestant, processes);
      const variant = { connections: 50, tenants: 100, warmUpMs: jitMs, measureMs: 1 };
      await measure({ apps, load: client, redis: fleet.redis }, variant);
    }
  }
}

async function measureRound(fleet, client, { contestants, variants, round, warmUpMs, measureMs }) {
  const rows = [];
  for (const variant of variants) {
    const { processes = 1, ...load } = variant;
    for (const contestant of rotated(contestants, round)) {
      const apps = await fleet.of(contestant, processes);
      const measured = await measure({ apps, load: client, redis: fleet.redis }, { ...load, warmUpMs, measureMs });
      rows.push({ contestant, ...variant, round, ...rounded(measured) });
    }
  }
  return rows;
}

/** The processes of all contestants, for some rounds. */
class Fleet {
  #apps = new Map();
  #contestants = [];

  constructor(redis, platform, nodeFlags) {
    Object.assign(this, { redis, platform, nodeFlags });
  }

  /** One process has a processor to itself; several share what there is. */
  async of(contestant, processes) {
    const name = `${contestant} x ${processes}`;
    if (!this.#apps.has(name)) this.#apps.set(name, await this.#start(contestant, processes));
    return this.#apps.get(name);
  }

  async stop() {
    await Promise.all([...this.#apps.values()].flat().map(({ child }) => child.stop()));
  }

  #start(contestant, processes) {
    const { redis, platform, nodeFlags } = this;
    if (!this.#contestants.includes(contestant)) this.#contestants.push(contestant);
    const db = this.#contestants.indexOf(contestant);
    const role = processes === 1 ? 'app' : undefined;
    const starting = Array.from({ length: processes }, () =>
      startApp(contestant, { platform, redis, db, role, nodeFlags }),
    );
    return Promise.all(starting);
  }
}

function rotated(list, by) {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
