import { CONTESTANTS } from './apps/contestants.mjs';

const ALL = Object.keys(CONTESTANTS);
const AWAIT = 'rate-monitor, await';
const BACKGROUND = 'rate-monitor, background';
const THROTTLER = 'throttler, Redis';
const NOTHING = 'do-nothing guard';

const connections = [1, 50, 200].map((connections) => ({ connections, tenants: 100 }));
const processes = [1, 2, 4].map((processes) => ({ processes, connections: 100, tenants: 100 }));
const tenants = [10, 1_000, 100_000].map((tenants) => ({ tenants, connections: 50 }));
/** Few tenants, so that each has requests in every interval of both processes at the lower rate already. */
const rates = [2_000, 10_000].map((rate) => ({ rate, processes: 2, connections: 50, tenants: 20 }));

/** What is measured, and how long. */
export const FULL = {
  requests: load(ALL, connections, { rounds: 7, roundsPerFleet: 1, warmUpMs: 400, measureMs: 1_000 }),
  processes: load([NOTHING, THROTTLER, AWAIT, BACKGROUND], processes, { rounds: 3, warmUpMs: 500, measureMs: 1_500 }),
  tenants: load([NOTHING, THROTTLER, AWAIT, BACKGROUND], tenants, { rounds: 3, warmUpMs: 1_000, measureMs: 1_500 }),
  rates: load([AWAIT, BACKGROUND], rates, { rounds: 5, warmUpMs: 500, measureMs: 2_000 }),
  guard: { contestants: [NOTHING, 'prom-client counter', BACKGROUND], warmUps: 300, rounds: 700 },
  memory: {
    contestants: ['plain Map', 'prom-client counter', 'throttler, memory', 'rate-limiter-flexible, memory', BACKGROUND],
    tenants: [100_000, 1_000_000],
  },
};

/** Enough to see that all works and where things stand, in three minutes. */
export const QUICK = {
  requests: load(ALL, connections, { rounds: 3, warmUpMs: 150, measureMs: 350 }),
  processes: load([NOTHING, AWAIT, BACKGROUND], processes.slice(0, 2), { rounds: 1, warmUpMs: 200, measureMs: 500 }),
  tenants: load([AWAIT, BACKGROUND], tenants, { rounds: 1, warmUpMs: 500, measureMs: 500 }),
  rates: load([BACKGROUND], rates, { rounds: 1, warmUpMs: 300, measureMs: 1_000 }),
  guard: { contestants: [NOTHING, 'prom-client counter', BACKGROUND], warmUps: 200, rounds: 100 },
  memory: { contestants: ['plain Map', BACKGROUND], tenants: [100_000] },
};

function load(contestants, variants, { rounds, roundsPerFleet = rounds, warmUpMs, measureMs }) {
  return { contestants, variants, rounds, roundsPerFleet, warmUpMs, measureMs, jitMs: rounds > 3 ? 2_500 : 600 };
}
