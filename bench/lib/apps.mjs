import { fileURLToPath } from 'node:url';

import { startChild } from './children.mjs';

const APP = fileURLToPath(new URL('../apps/app.mjs', import.meta.url));
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));

/** Starts one process of a contestant; each contestant has a Redis database of its own. */
export async function startApp(contestant, { platform, redis, db, role = 'app', nodeFlags }) {
  const argument = { contestant, platform, redis: { port: redis.port, db } };
  const child = await startChild(APP, argument, { role, nodeFlags });
  return { child, port: await child.ask('port') };
}

export function startLoad({ role = 'load' } = {}) {
  return startChild(LOAD, {}, { role });
}
