const { default: Sequencer } = require('@jest/test-sequencer');

/** How many seconds the longest specs take. Without a cache of earlier runs jest begins with the largest files, and the last may then run alone. */
const SECONDS = {
  'alert-state': 80,
  'publish-protocol': 80,
  page: 75,
  incidents: 48,
  thresholds: 31,
  'override-under-load': 23,
  sentry: 22,
  'incident-rules': 20,
  dashboard: 20,
  'redis-connection': 19,
  replicas: 18,
};

module.exports = class LongFirst extends Sequencer {
  /** @param {import('@jest/test-result').Test[]} tests */
  sort(tests) {
    const seconds = ({ path }) => SECONDS[/([\w-]+)\.spec\.ts$/.exec(path)?.[1]] ?? 0;
    return super.sort(tests).sort((a, b) => seconds(b) - seconds(a));
  }
};
