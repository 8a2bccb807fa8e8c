const swc = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    target: 'es2022',
  },
  module: { type: 'commonjs' },
};

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  // Its cleaning up after each file wraps what libraries keep on the global object, deeper with each file.
  testEnvironmentOptions: { globalsCleanup: 'off' },
  testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
  transform: { '^.+\\.[jt]s$': ['@swc/jest', swc] },
  // Nest 12 and what mercurius brings are ES modules only: compiled like our own code, they run in jest as they are.
  transformIgnorePatterns: ['/node_modules/(?!@nestjs/|(.*/)?(content-disposition|mercurius|quick-lru)/)'],
  // Copies of the source that mutation tests make: they may run at the same time.
  modulePathIgnorePatterns: ['<rootDir>/.stryker-tmp/'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // What docs show is run as it stands there.
    '^nestjs-rate-monitor$': '<rootDir>/src/index.ts',
    '^nestjs-rate-monitor/([a-z]+)$': '<rootDir>/src/$1/index.ts',
  },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // The page runs in Chromium, where its tests are.
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.spec.ts', '!src/index.ts', '!src/dashboard/page/**'],
  coverageThreshold: { global: { statements: 95 } },
  testTimeout: 90_000,
  // What a file leaves in the memory of its process stays there: after a hundred of them that was 4 GB, most of the time spent collecting it.
  workerIdleMemoryLimit: '1GB',
};
