// @ts-check
import { markdown, table } from './tables.mjs';
import { targets } from './targets.mjs';

/**
 * @typedef {import('../results.js').Results} Results
 * @typedef {import('../results.js').Row} Row
 */

/**
 * The results as Markdown.
 *
 * @param {Results} results
 */
export function report(results) {
  const {
    machine,
    requests = [],
    seeing = [],
    processes = [],
    tenants = [],
    rates = [],
    windows = [],
    beside = [],
    added = [],
    guard = [],
    memory = [],
  } = results;
  const { import: loading = [] } = results;
  const underLoad = requests.filter(({ contestant }) => contestant !== 'PING');
  /** @type {[title: string, body: string][]} */
  const sections = [
    ['Machine', machineLines(machine)],
    ['Targets', targetTable(results)],
    ...(hasOther(requests) ? [titled('Targets, the other build', targetTable(results, ' (other)'))] : []),
    ...[1, 50, 200].map((count) =>
      titled(
        `Requests, ${count} ${count === 1 ? 'connection' : 'connections'}`,
        table(
          underLoad.filter(({ connections }) => connections === count),
          ['contestant'],
          ['requestsPerSecond', 'p50Us', 'p99Us', 'appCpuUs', 'redisCommands', 'redisCpuUs', 'redisBytes'],
        ),
      ),
    ),
    [
      'Usage, metrics and page',
      table(
        loaded(seeing),
        ['contestant', 'connections'],
        ['requestsPerSecond', 'p99Us', 'appCpuUs', 'redisCommands', 'redisCpuUs'],
      ),
    ],
    ['Added to a request', table(added, ['contestant', 'connections'], ['addedCpuUs', 'requestsRatio'])],
    ['The guard alone', table(guard, ['contestant'], ['ns', 'bytes'])],
    ['Memory per tenant', table(memory, ['contestant', 'tenants'], ['heapBytes', 'rssBytes'])],
    ['Import', table(loading, ['contestant'], ['importCpuMs', 'importHeapKb', 'importFiles'])],
    ['Processes', scaling(processes, 'processes')],
    ['Tenants', scaling(tenants, 'tenants')],
    [
      'Windows of a category',
      table(loaded(windows), ['contestant'], ['requestsPerSecond', 'p50Us', 'p99Us', 'appCpuUs', 'redisCpuUs']),
    ],
    [
      'Beside the other build',
      table(
        loaded(beside),
        ['contestant', 'connections'],
        ['requestsPerSecond', 'p50Us', 'p99Us', 'appCpuUs', 'redisCpuUs'],
      ),
    ],
    [
      'Request rate and Redis commands',
      table(loaded(rates), ['contestant', 'rate'], ['requestsPerSecond', 'redisCommandsPerSecond', 'redisCpuUs']),
    ],
  ];
  // What was not measured has no table.
  const measured = sections.filter(([, body]) => body.split('\n').length > 2);
  return measured.map(([title, body]) => `### ${title}\n\n${body}\n`).join('\n');
}

/**
 * @param {string} title
 * @param {string} body
 * @returns {[string, string]}
 */
function titled(title, body) {
  return [title, body];
}

/**
 * @param {Row[]} rows
 * @param {'processes' | 'tenants'} key
 */
function scaling(rows, key) {
  /** @type {import('../results.js').Figure[]} */
  const columns = ['requestsPerSecond', 'p99Us', 'appCpuUs', 'redisCommands', 'redisCpuUs'];
  return table(loaded(rows), ['contestant', key], columns);
}

/** @param {Row[]} rows */
function loaded(rows) {
  return rows.filter(({ contestant }) => contestant !== 'PING');
}

/** @param {Row[]} rows */
function hasOther(rows) {
  return rows.some(({ contestant }) => contestant.endsWith(' (other)'));
}

/**
 * @param {Results} results
 * @param {string} [build]
 */
function targetTable(results, build) {
  const lines = targets(results, build).map(({ what, target, measured, reached }) => [
    what,
    target,
    measured,
    reached ? 'reached' : '**not reached**',
  ]);
  return markdown(['what', 'target', 'measured', ''], lines);
}

/** @param {Results['machine']} machine */
function machineLines({ date, cpu, cores, memoryGb, os, placement, platform, versions, settings }) {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu}, ${cores} cores, ${memoryGb} GB, ${os}; ${placement}; Nest on ${platform}; ${settings} run of ${date}.`,
    `${packages.join(', ')}.`,
    'Targets: medians over rounds, each with new processes, and their 95 % confidence interval. Other tables: medians of all turns, and the range of their middle half.',
  ].join('\n');
}
