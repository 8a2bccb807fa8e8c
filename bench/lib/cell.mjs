import { setTimeout as sleep } from 'node:timers/promises';

/**
 * One cell of a table: load on one or more processes of an app, measured from outside. Each mark carries its own time, so that marks
 * which come late under load still give true rates.
 */
export async function measure({ apps, load, redis }, { connections, tenants, rate, warmUpMs, measureMs }) {
  const mark = () => Promise.all([load.ask('mark'), redis.mark(), ...apps.map(({ child }) => child.ask('mark'))]);
  await load.ask('start', { ports: apps.map(({ port }) => port), connections, tenants, rate });
  try {
    await sleep(warmUpMs);
    const before = await mark();
    await sleep(measureMs);
    return cellOf(before, await mark());
  } finally {
    await load.ask('stop');
  }
}

function cellOf([load, redis, ...apps], [loadAfter, redisAfter, ...appsAfter]) {
  const perSecond = (amount, from, to) => amount / ((to.at - from.at) / 1_000);
  const requestsPerSecond = perSecond(loadAfter.answered, load, loadAfter);
  const redisPerSecond = (what) => perSecond(redisAfter[what] - redis[what], redis, redisAfter);
  const appCpuUs = apps.map((app, i) => perSecond(appsAfter[i].cpuUs - app.cpuUs, app, appsAfter[i]));
  return {
    requestsPerSecond,
    p50Us: loadAfter.p50Us,
    p99Us: loadAfter.p99Us,
    appCpuUs: appCpuUs.reduce((sum, us) => sum + us, 0) / requestsPerSecond,
    redisCommandsPerSecond: redisPerSecond('commands'),
    redisCommands: redisPerSecond('commands') / requestsPerSecond,
    redisCpuUs: redisPerSecond('cpuUs') / requestsPerSecond,
    redisBytes: redisPerSecond('bytes') / requestsPerSecond,
  };
}

/** Cells as they go into the results: four digits say all there is to say. */
export function rounded(cell) {
  return Object.fromEntries(Object.entries(cell).map(([name, value]) => [name, Number(value.toPrecision(4))]));
}
