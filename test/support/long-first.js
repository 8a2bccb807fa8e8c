const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * How many seconds the longest specs take. Without a cache of earlier runs jest begins with the largest files, and the last may then run alone.
 *
 * @type {Record<string, number>}
 */
const SECONDS = {
  'alert-state': 122,
  'edges-over-faults': 65,
  'publish-protocol': 64,
  page: 51,
  server: 46,
  incidents: 46,
  thresholds: 40,
  'calendar-over-faults': 34,
  flood: 30,
  mutes: 27,
  network: 26,
  'windows-over-faults': 25,
  sentry: 24,
  'override-under-load': 20,
  'redis-connection': 19,
  'redis-setups': 19,
  'incident-rules': 18,
  replicas: 18,
  counting: 18,
  shutdown: 18,
  usage: 18,
  'page-in-app': 15,
  'v0-1-mutes': 15,
  killed: 14,
  clocks: 14,
  cluster: 14,
  outcomes: 13,
  terminal: 13,
  'long-outage': 13,
  'redis-cluster': 13,
  'redis-clients': 12,
  'not-of-redis': 12,
  bundlers: 12,
};

/** @param {import('@jest/test-result').Test} test */
function secondsOf({ path }) {
  return SECONDS[/([\w-]+)\.spec\.ts$/.exec(path)?.[1] ?? ''] ?? 0;
}

module.exports = class LongFirst extends Sequencer {
  /**
   * @override
   * @param {import('@jest/test-result').Test[]} tests
   */
  async sort(tests) {
    const sorted = await super.sort(tests);
    return sorted.sort((a, b) => secondsOf(b) - secondsOf(a));
  }
};
