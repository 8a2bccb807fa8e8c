// @ts-check
/**
 * How a measured value is written.
 *
 * @type {Record<import('../results.js').Figure, { title: string, digits: number, scale?: number }>}
 */
export const COLUMNS = {
  requestsPerSecond: { title: 'requests/s', digits: 0 },
  p50Us: { title: 'p50, ms', digits: 2, scale: 1_000 },
  p99Us: { title: 'p99, ms', digits: 2, scale: 1_000 },
  appCpuUs: { title: 'app CPU, us/request', digits: 1 },
  redisCommandsPerSecond: { title: 'Redis commands/s', digits: 0 },
  redisCommands: { title: 'Redis commands/request', digits: 3 },
  redisCpuUs: { title: 'Redis CPU, us/request', digits: 2 },
  redisBytes: { title: 'Redis bytes/request', digits: 0 },
  addedCpuUs: { title: 'app CPU added, us/request', digits: 1 },
  requestsRatio: { title: 'requests/s, of those behind a do-nothing guard', digits: 3 },
  ns: { title: 'ns/call', digits: 0 },
  bytes: { title: 'bytes/call', digits: 0 },
  heapBytes: { title: 'heap, bytes/tenant', digits: 0 },
  importCpuMs: { title: 'CPU, ms', digits: 1 },
  importHeapKb: { title: 'heap, kB', digits: 0 },
  importFiles: { title: 'files', digits: 0 },
  rssBytes: { title: 'rss, bytes/tenant', digits: 0 },
};
