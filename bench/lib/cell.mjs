import { setTimeout as sleep } from 'node:timers/promises';

import { median } from './statistics.mjs';

/** How long an app goes on after its load has stopped: what it counted last is published, and no reply is left to come. */
const SETTLE_MS = 150;

/** Load on an app until the compiler has got to what is measured later. */
export async function warmUp(parties, { warmUpMs, ...load }) {
  await under(load, parties, () => sleep(warmUpMs));
}

/** One turn of an app under load: what was done until its beginning, and until its end. */
export async function takeTurn(parties, { leadInMs, turnMs, ...load }) {
  return under(load, parties, async () => {
    await sleep(leadInMs);
    const before = await mark(parties);
    await sleep(turnMs);
    return { before, after: await mark(parties) };
  });
}

/** One cell of a table: what an app did in all its turns. Four digits say all there is to say. */
export function cellOf(turns) {
  const cell = measured(turns);
  return Object.fromEntries(Object.entries(cell).map(([name, value]) => [name, Number(value.toPrecision(4))]));
}

async function under({ connections, tenants, rate }, { app, client }, work) {
  app.go();
  await client.ask('start', { ports: app.ports, connections, tenants, rate });
  try {
    return await work();
  } finally {
    await client.ask('stop');
    await sleep(SETTLE_MS);
    app.halt();
  }
}

/** Each carries its own time, so that marks which come late under load still give true rates. */
async function mark({ app, client, redis }) {
  const [answers, store, ...processes] = await Promise.all([client.ask('mark'), redis.mark(), ...app.ask('mark')]);
  return { answers, store, processes };
}

function measured(turns) {
  const amount = (of, what) => turns.reduce((sum, { before, after }) => sum + of(after)[what] - of(before)[what], 0);
  const perSecond = (of, what) => amount(of, what) / (amount(of, 'at') / 1_000);
  const percentile = (what) => median(turns.map(({ after }) => after.answers[what]));
  const redis = (what) => perSecond(({ store }) => store, what);

  const requestsPerSecond = perSecond(({ answers }) => answers, 'answered');
  const processes = turns[0].before.processes.keys();
  const cpuUs = [...processes].map((i) => perSecond(({ processes }) => processes[i], 'cpuUs'));
  return {
    requestsPerSecond,
    p50Us: percentile('p50Us'),
    p99Us: percentile('p99Us'),
    appCpuUs: cpuUs.reduce((sum, us) => sum + us, 0) / requestsPerSecond,
    redisCommandsPerSecond: redis('commands'),
    redisCommands: redis('commands') / requestsPerSecond,
    redisCpuUs: redis('cpuUs') / requestsPerSecond,
    redisBytes: redis('bytes') / requestsPerSecond,
  };
}
