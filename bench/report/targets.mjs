// @ts-check
import { confidence, median } from '../lib/statistics.mjs';
import { atLeast, Comparison, COUNTER, micros, NO_GUARD, NOTHING, short, THROTTLER } from './comparison.mjs';

/** @typedef {import('../results.js').Row} Row */

/**
 * Least ratio of requests/s to no guard, by connections.
 *
 * @type {Record<number, number>}
 */
const AUTO_LEAST = { 1: 0.97, 50: 0.96, 200: 0.96 };

/**
 * Targets: ratios within one run, since absolute figures depend on the machine.
 *
 * @param {import('../results.js').Results} results
 * @param {string} [build] Of which build of this package: ` (other)` for the one it is measured beside.
 */
export function targets(results, build = '') {
  const AUTO = `rate-monitor, auto${build}`;
  const USAGE_OFF = `rate-monitor, auto, usage off${build}`;
  const METRICS = `rate-monitor, auto, metrics${build}`;
  const PAGE = `rate-monitor, auto, page${build}`;
  const AWAIT = `rate-monitor, await${build}`;
  const MEMORY = `rate-monitor, memory${build}`;
  const { requests = [], seeing = [], rates = [], added = [], guard = [], memory = [] } = results;
  const run = new Comparison(requests);
  const seen = new Comparison(seeing);
  /**
   * @param {string} name
   * @param {string} contestant
   * @param {string} reference
   * @param {number} connections
   * @param {number} least
   */
  const perSecond = (name, contestant, reference, connections, least) =>
    run.ratio(
      `requests/s, ${name} / ${reference}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
      contestant,
      reference,
      connections,
      least,
    );
  const all = [
    ...[1, 50, 200].flatMap((connections) => [
      perSecond('`auto`', AUTO, NO_GUARD, connections, AUTO_LEAST[connections]),
      perSecond('memory', MEMORY, NO_GUARD, connections, AUTO_LEAST[connections]),
      perSecond('`auto`', AUTO, NOTHING, connections, AUTO_LEAST[connections]),
      perSecond('memory', MEMORY, NOTHING, connections, AUTO_LEAST[connections]),
    ]),
    ...[50, 200].flatMap((connections) =>
      [
        ['usage / usage off', AUTO, USAGE_OFF],
        ['metrics read each second / without', METRICS, AUTO],
        ['a page that somebody looks at / without', PAGE, AUTO],
      ].map(([name, contestant, reference]) =>
        seen.ratio(`requests/s, ${name}, ${connections} connections`, contestant, reference, connections, 0.98),
      ),
    ),
    ...[50, 200].flatMap((connections) => [
      perSecond('`await`', AWAIT, NOTHING, connections, 1),
      perSecond('`await`', AWAIT, THROTTLER, connections, 1),
      perSecond('`auto`', AUTO, THROTTLER, connections, 1),
    ]),
    ...[AUTO, MEMORY].flatMap((contestant) =>
      [1, 50, 200].flatMap((connections) => addedTargets(added, contestant, connections)),
    ),
    ...[50, 200].flatMap((connections) => [
      run.added(`added CPU, \`auto\` / ${COUNTER}, ${connections} connections`, AUTO, COUNTER, connections, 1),
      run.added(`added CPU, \`auto\` / ${THROTTLER}, ${connections} connections`, AUTO, THROTTLER, connections, 1 / 8),
      run.added(
        `added CPU, \`await\` / ${THROTTLER}, ${connections} connections`,
        AWAIT,
        THROTTLER,
        connections,
        1 / 3,
      ),
    ]),
    ...guardTargets(guard, AUTO),
    run.redisCpu('Redis CPU/request, `auto` / throttler, 200 connections', AUTO, 1 / 40),
    run.redisCpu('Redis CPU/request, `await` / throttler, 200 connections', AWAIT, 1 / 6),
    flatCommands(rates, AUTO),
    memoryTarget(memory, AUTO),
    run.latency(AWAIT),
  ];
  // Nothing is claimed about what was not measured.
  return all.filter(({ measured }) => !measured.includes('NaN'));
}

/**
 * Beside a do-nothing guard in the same process.
 *
 * @param {Row[]} rows
 * @param {string} own
 * @param {number} count
 */
function addedTargets(rows, own, count) {
  /**
   * @param {string} name
   * @param {'addedCpuUs' | 'requestsRatio'} what
   */
  const of = (name, what) =>
    rows
      .filter(
        ({ contestant, sharedWith, connections }) => contestant === name && sharedWith === own && connections === count,
      )
      .map((row) => row[what]);
  const name = `${short(count)} ${count === 1 ? 'connection' : 'connections'}, one process`;
  const [cpu, counter] = [confidence(of(own, 'addedCpuUs')), confidence(of(COUNTER, 'addedCpuUs'))];
  return [
    atLeast(`requests/s, ${own} / do-nothing guard, ${name}`, of(own, 'requestsRatio'), AUTO_LEAST[count]),
    {
      what: `added CPU, ${own} / prom-client counter, ${name}`,
      target: '<= 1 of it',
      measured: `${micros(cpu)} of ${micros(counter)}`,
      reached: cpu.median <= Math.max(counter.median, 0),
    },
  ];
}

/**
 * @param {Row[]} rows
 * @param {string} own
 */
function guardTargets(rows, own) {
  /**
   * @param {string} contestant
   * @param {'ns' | 'bytes'} what
   */
  const of = (contestant, what) => median(rows.filter((row) => row.contestant === contestant).map((row) => row[what]));
  const ns = of(own, 'ns') - of(NOTHING, 'ns');
  const bytes = of(own, 'bytes') - of(NOTHING, 'bytes');
  return [
    {
      what: 'guard alone, `auto`, over the do-nothing guard',
      target: '<= 150 ns',
      measured: `${ns} ns`,
      reached: ns <= 150,
    },
    { what: 'guard alone, `auto`, allocated', target: '<= 100 B', measured: `${bytes} B`, reached: bytes <= 100 },
  ];
}

/**
 * @param {Row[]} rows
 * @param {string} own
 */
function flatCommands(rows, own) {
  /** @param {number} wanted */
  const of = (wanted) =>
    median(
      rows
        .filter(({ contestant, rate }) => contestant === own && rate === wanted)
        .map((row) => row.redisCommandsPerSecond),
    );
  const [slow, fast] = [of(2_000), of(10_000)];
  return {
    what: 'Redis commands/s, `auto`, 10,000 / 2,000 requests/s',
    target: '1 (flat)',
    measured: `${short(fast / slow)} (${fast.toFixed(0)} and ${slow.toFixed(0)})`,
    reached: fast / slow < 1.1,
  };
}

/**
 * @param {Row[]} rows
 * @param {string} own
 */
function memoryTarget(rows, own) {
  const most = Math.max(...rows.map(({ tenants }) => tenants));
  const { heapBytes = NaN } = rows.find(({ contestant, tenants }) => contestant === own && tenants === most) ?? {};
  const what = `memory per tenant in the process, ${most.toLocaleString('en')} tenants`;
  return { what, target: '<= 250 B', measured: `${heapBytes} B`, reached: heapBytes <= 250 };
}
