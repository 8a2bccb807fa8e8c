// @ts-check
const AUTO = 'rate-monitor, auto';
const USAGE_OFF = 'rate-monitor, auto, usage off';
const WINDOWS = ['rate-monitor, auto', 'rate-monitor, auto, 2 windows', 'rate-monitor, auto, 3 windows'];
const METRICS = 'rate-monitor, auto, metrics';
const PAGE = 'rate-monitor, auto, page';
const AWAIT = 'rate-monitor, await';
const MEMORY = 'rate-monitor, memory';
const THROTTLER = 'throttler, Redis';
const COUNTER = 'prom-client counter';
const NO_GUARD = 'no guard';
const NOTHING = 'do-nothing guard';
const WAITING = 'guard that waits a turn';
const SOME = [NOTHING, THROTTLER, AUTO, AWAIT];

/** One connection comes last: so few requests would not have everything compiled in the warm-up. */
const connections = [50, 200, 1].map((connections) => ({ connections, tenants: 100 }));
const processes = [1, 2, 4].map((processes) => ({ processes, connections: 100, tenants: 100 }));
const tenants = [10, 1_000, 100_000].map((tenants) => ({ tenants, connections: 50 }));
/** Few tenants, so that each has requests in every interval of both processes at the lower rate already. */
const rates = [2_000, 10_000].map((rate) => ({ rate, processes: 2, connections: 50, tenants: 20 }));

/**
 * In the warm-up the compiler gets to what the app runs, and that takes seconds. A turn holds several collections of old memory, which take
 * 50 to 90 ms every 0.5 to 1.1 s: in shorter turns one more or one less was most of the difference.
 */
const FULL_TIMES = { warmUpMs: 4_000, turns: 1, leadInMs: 500, turnMs: 2_000 };
const QUICK_TIMES = { warmUpMs: 500, turns: 1, leadInMs: 50, turnMs: 250 };

/** What is measured, and how long. */
export const FULL = {
  requests: {
    contestants: [NO_GUARD, NOTHING, COUNTER, THROTTLER, AUTO, MEMORY, AWAIT],
    variants: connections,
    // Two equal processes differ by more than what is compared: with seven rounds, a ratio was 0.93 in one run and 0.99 in the next. With twice
    // as many rounds as contestants, each runs at each place of the order, forwards and backwards.
    rounds: 14,
    ...FULL_TIMES,
  },
  /** Usage off is the base; the others are with usage. */
  seeing: {
    contestants: [USAGE_OFF, AUTO, METRICS, PAGE],
    variants: connections.slice(0, 2),
    rounds: 7,
    ...FULL_TIMES,
  },
  processes: { contestants: SOME, variants: processes, rounds: 3, ...FULL_TIMES },
  tenants: { contestants: SOME, variants: tenants, rounds: 3, ...FULL_TIMES },
  rates: { contestants: [AUTO, AWAIT], variants: rates, rounds: 5, ...FULL_TIMES },
  windows: { contestants: WINDOWS, variants: connections.slice(0, 1), rounds: 7, ...FULL_TIMES },
  beside: {
    contestants: [NOTHING, WAITING, AWAIT, MEMORY],
    variants: [connections[0], connections[2]],
    rounds: 7,
    ...FULL_TIMES,
  },
  added: {
    contestants: [AUTO, MEMORY],
    base: NOTHING,
    besides: [COUNTER],
    connections: [50, 200, 1],
    rounds: 7,
    warmUpMs: 3_000,
    turns: 60,
    turnMs: 100,
  },
  guard: { contestants: [NOTHING, COUNTER, AUTO], warmUps: 300, rounds: 700 },
  memory: {
    contestants: ['plain Map', COUNTER, 'throttler, memory', 'rate-limiter-flexible, memory', AUTO],
    tenants: [100_000, 1_000_000],
  },
  import: {
    contestants: ['nestjs-rate-monitor', '@nestjs/throttler', 'nestjs-pino', 'prom-client', 'ioredis'],
    rounds: 15,
  },
};

/** Enough to see that all works and where things stand, in three minutes. */
export const QUICK = {
  requests: { ...FULL.requests, rounds: 1, ...QUICK_TIMES, turns: 2 },
  seeing: {
    contestants: [USAGE_OFF, AUTO, METRICS, PAGE],
    variants: connections.slice(0, 2),
    rounds: 1,
    ...QUICK_TIMES,
    turnMs: 1_500,
  },
  processes: { contestants: [NOTHING, AUTO, AWAIT], variants: processes.slice(0, 2), rounds: 1, ...QUICK_TIMES },
  tenants: { contestants: [AUTO, AWAIT], variants: tenants, rounds: 1, ...QUICK_TIMES },
  rates: { contestants: [AUTO], variants: rates, rounds: 1, ...QUICK_TIMES },
  windows: { contestants: WINDOWS, variants: connections.slice(0, 1), rounds: 1, ...QUICK_TIMES },
  beside: { ...FULL.beside, rounds: 1, ...QUICK_TIMES, turnMs: 1_500 },
  added: { ...FULL.added, contestants: [AUTO], rounds: 1, turns: 20 },
  guard: { contestants: [NOTHING, COUNTER, AUTO], warmUps: 200, rounds: 100 },
  memory: { contestants: ['plain Map', AUTO], tenants: [100_000] },
  import: { ...FULL.import, rounds: 3 },
};
