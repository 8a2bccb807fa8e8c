import { fileURLToPath } from 'node:url';

import { startApp, startLoad } from '../lib/apps.mjs';
import { measure, rounded } from '../lib/cell.mjs';
import { startChild } from '../lib/children.mjs';
import { RedisServer } from '../lib/redis-server.mjs';

const PING = fileURLToPath(new URL('../apps/ping.mjs', import.meta.url));

/**
 * Contestants under load, in interleaved rounds: each round measures all of them once in each variant, beginning with another one
 * each time, so that what the machine does meanwhile falls on all alike.
 */
export async function load({ contestants, variants, platform, rounds, warmUpMs, measureMs, jitMs, tell, nodeFlags }) {
  const fleet = new Fleet(await RedisServer.start(), platform, nodeFlags);
  const client = await startLoad();
  const ping = await startChild(PING, { port: fleet.redis.port }, { role: 'app' });
  const cell = async (contestant, { processes = 1, ...variant }, warmUpMs, measureMs) => {
    const apps = await fleet.of(contestant, processes);
    return measure({ apps, load: client, redis: fleet.redis }, { ...variant, warmUpMs, measureMs });
  };
  try {
    for (const contestant of contestants) {
      for (const { processes } of variants)
        await cell(contestant, { processes, connections: 50, tenants: 100 }, jitMs, 1);
    }
    const rows = [];
    for (let round = 0; round < rounds; round++) {
      rows.push({ contestant: 'PING', round, ...(await ping.ask('measure')) });
      for (const variant of variants) {
        for (const contestant of rotated(contestants, round)) {
          const measured = await cell(contestant, variant, warmUpMs, measureMs);
          rows.push({ contestant, ...variant, round, ...rounded(measured) });
        }
      }
      tell(`round ${round + 1} of ${rounds}`);
    }
    return rows;
  } finally {
    await Promise.all([client.stop(), ping.stop(), fleet.stop()]);
  }
}

/** The processes of all contestants. They stay for all rounds: a fresh one would be measured while it is still being compiled. */
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
    await this.redis.stop();
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
