const { globalSetup, globalTeardown, coverageThreshold, ...config } = require('./jest.config.js');

/** For `npm run mutants`: the unit specs beside the sources, which need no server. Stryker runs those that import what it mutates. */
module.exports = { ...config, testMatch: ['<rootDir>/src/**/*.spec.ts'] };
