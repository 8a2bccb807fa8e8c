import { median } from '../lib/statistics.mjs';
import { Comparison, NOTHING, short, THROTTLER } from './comparison.mjs';

/**
 * What was set out to be reached: ratios within one run, since absolute figures are the machine's.
 *
 * @param build Of which build of this package: ` (other)` for the one it is measured beside.
 */
export function targets(results, build = '') {
  const AWAIT = `rate-monitor, await${build}`;
  const BACKGROUND = `rate-monitor, background${build}`;
  const { requests = [], rates = [], guard = [], memory = [] } = results;
  const run = new Comparison(requests);
  const all = [
    ...[50, 200].flatMap((connections) => [
      run.ratio(`requests/s, \`await\` / do-nothing guard, ${connections} connections`, AWAIT, NOTHING, connections, 1),
      run.aboveAll(`requests/s, \`await\` / best Redis-backed peer, ${connections} connections`, AWAIT, connections),
      run.ratio(
        `requests/s, \`await\` / guard awaiting setImmediate, ${connections} connections`,
        AWAIT,
        'guard awaiting setImmediate',
        connections,
        0.85,
      ),
    ]),
    ...[1, 50, 200].map((connections) =>
      run.ratio(
        `requests/s, \`background\` / do-nothing guard, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
        BACKGROUND,
        NOTHING,
        connections,
        0.95,
      ),
    ),
    ...[50, 200].flatMap((connections) => [
      run.added(
        `added CPU, \`background\` / throttler on Redis, ${connections} connections`,
        BACKGROUND,
        THROTTLER,
        connections,
        1 / 8,
      ),
      run.added(
        `added CPU, \`background\` / prom-client, ${connections} connections`,
        BACKGROUND,
        'prom-client counter',
        connections,
        1,
      ),
      run.added(
        `added CPU, \`await\` / throttler on Redis, ${connections} connections`,
        AWAIT,
        THROTTLER,
        connections,
        1 / 3,
      ),
    ]),
    ...guardTargets(guard, BACKGROUND),
    run.redisCpu('Redis CPU/request, `await` / throttler, 200 connections', AWAIT, 1 / 6),
    run.redisCpu('Redis CPU/request, `background` / throttler, 200 connections', BACKGROUND, 1 / 20),
    flatCommands(rates, BACKGROUND),
    memoryTarget(memory, BACKGROUND),
    run.latency(AWAIT),
  ];
  // Of what was not measured nothing is said.
  return all.filter(({ measured }) => !measured.includes('NaN'));
}

function guardTargets(rows, own) {
  const of = (contestant, what) => median(rows.filter((row) => row.contestant === contestant).map((row) => row[what]));
  const ns = of(own, 'ns') - of(NOTHING, 'ns');
  const bytes = of(own, 'bytes') - of(NOTHING, 'bytes');
  return [
    {
      what: 'guard alone, `background`, over the do-nothing guard',
      target: '<= 500 ns',
      measured: `${ns} ns`,
      reached: ns <= 500,
    },
    { what: 'guard alone, `background`, allocated', target: '<= 250 B', measured: `${bytes} B`, reached: bytes <= 250 },
  ];
}

function flatCommands(rows, own) {
  const of = (wanted) =>
    median(
      rows
        .filter(({ contestant, rate }) => contestant === own && rate === wanted)
        .map((row) => row.redisCommandsPerSecond),
    );
  const [slow, fast] = [of(2_000), of(10_000)];
  return {
    what: 'Redis commands/s, `background`, 10,000 / 2,000 requests/s',
    target: '1 (flat)',
    measured: `${short(fast / slow)} (${fast.toFixed(0)} and ${slow.toFixed(0)})`,
    reached: fast / slow < 1.1,
  };
}

function memoryTarget(rows, own) {
  const most = Math.max(...rows.map(({ tenants }) => tenants));
  const { heapBytes = NaN } = rows.find(({ contestant, tenants }) => contestant === own && tenants === most) ?? {};
  const what = `memory per tenant in the process, ${most.toLocaleString('en')} tenants`;
  return { what, target: '<= 250 B', measured: `${heapBytes} B`, reached: heapBytes <= 250 };
}
