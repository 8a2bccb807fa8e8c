const { globalSetup, globalTeardown, coverageThreshold, ...config } = require('./jest.config.js');

/** For `npm run mutants`: the unit specs beside the sources, which need no server. */
module.exports = {
  ...config,
  testMatch: ['<rootDir>/src/{alert,alert/*,channels/message,counter,model,threshold,usage,util}/*.spec.ts'],
};
