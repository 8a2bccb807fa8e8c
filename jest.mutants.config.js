const config = require('./jest.config.js');

/**
 * For `npm run mutants`: the unit specs beside the sources, which need no server. Stryker runs those that import what it mutates.
 *
 * @type {import('jest').Config}
 */
module.exports = {
  ...config,
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  globalSetup: undefined,
  globalTeardown: undefined,
  coverageThreshold: undefined,
};
