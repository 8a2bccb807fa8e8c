const { default: Sequencer } = require('@jest/test-sequencer');

/** How many seconds the longest specs take. Without a cache of earlier runs jest begins with the largest files, and the last may then run alone. */
const SECONDS = {
  'alert-state': 98,
  'publish-protocol': 67,
  page: 51,
  'edges-over-faults': 50,
  server: 46,
  incidents: 44,
  flood: 42,
  'calendar-over-faults': 31,
  thresholds: 29,
  mutes: 28,
  sentry: 27,
  network: 26,
  'override-under-load': 22,
  'windows-over-faults': 22,
  bundlers: 20,
  'redis-connection': 20,
  shutdown: 19,
  'v0-1-mutes': 18,
  counting: 18,
  'incident-rules': 18,
  'page-in-app': 18,
};

module.exports = class LongFirst extends Sequencer {
  /** @param {import('@jest/test-result').Test[]} tests */
  sort(tests) {
    const seconds = ({ path }) => SECONDS[/([\w-]+)\.spec\.ts$/.exec(path)?.[1]] ?? 0;
    return super.sort(tests).sort((a, b) => seconds(b) - seconds(a));
  }
};
