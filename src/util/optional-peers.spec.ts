import type { ModuleRef } from '@nestjs/core';

import { nestRedisClient, sentryInUse, untraced, withoutTracing } from './optional-peers.js';

describe('a package that the app does without', () => {
  let configService: typeof import('./optional-peers.js').configService;
  let openTelemetry: typeof import('./optional-peers.js').openTelemetry;

  beforeEach(async () => {
    // A missing package is remembered.
    jest.resetModules();
    ({ configService, openTelemetry } = await import('./optional-peers.js'));
  });
  afterEach(() => {
    jest.dontMock('@nestjs/config');
    jest.dontMock('@opentelemetry/api');
  });

  it.each([
    ['Node', 'MODULE_NOT_FOUND', "Cannot find module '@opentelemetry/api'"],
    ['Node, of ES modules', 'ERR_MODULE_NOT_FOUND', "Cannot find package '@opentelemetry/api' imported from /app"],
    ['ts-node, of ES modules', undefined, "Cannot find package '@opentelemetry/api' imported from /app"],
    [
      "Yarn's Plug'n'Play",
      'MODULE_NOT_FOUND',
      "nestjs-rate-monitor tried to access @opentelemetry/api (a peer dependency) but it isn't provided by your application",
    ],
    ['a single executable', 'ERR_UNKNOWN_BUILTIN_MODULE', 'No such built-in module: @opentelemetry/api'],
  ])('is not needed if it is missing, as %s reports it', async (_who, code, message) => {
    jest.doMock('@opentelemetry/api', () => {
      throw Object.assign(new Error(message), { code });
    });
    expect(await openTelemetry()).toBeUndefined();
  });

  it('is not imported again: webpack returns an empty object the second time', async () => {
    const load = jest.fn(() => {
      throw Object.assign(new Error("Cannot find module '@nestjs/config'"), { code: 'MODULE_NOT_FOUND' });
    });
    jest.doMock('@nestjs/config', load);
    await configService({} as ModuleRef);
    await configService({} as ModuleRef);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['broken', "Cannot find module 'dotenv'", 'MODULE_NOT_FOUND'],
    ['an ES module, which Jest does not load', 'Must use import to load ES Module', 'ERR_REQUIRE_ESM'],
  ])('stops the boot if it is there and %s, but only if the app uses it', async (_how, message, code) => {
    jest.doMock('@nestjs/config', () => {
      throw Object.assign(new Error(message), { code });
    });
    class ConfigService {}
    const appWith = (...tokens: unknown[]): ModuleRef =>
      ({ get: () => ({ getProviders: () => tokens.map((token) => ({ token })) }) }) as unknown as ModuleRef;
    await expect(configService(appWith('url', ConfigService))).rejects.toThrow(message);
    expect(await configService(appWith('url', class PlansService {}))).toBeUndefined();
  });
});

it('takes no client from an unrelated RedisService of the app', () => {
  class RedisService {
    getOrNil(): object {
      return {};
    }
  }
  const discovery = { getProviders: () => [{ metatype: RedisService, instance: new RedisService() }] };
  expect(nestRedisClient({ get: () => discovery } as unknown as ModuleRef)).toBeUndefined();
});

describe('Sentry', () => {
  const loaded = { suppressTracing: <T>(work: () => T): T => work() };
  const global = globalThis as { __SENTRY__?: object };
  const before = global.__SENTRY__;
  beforeEach(() => {
    jest.resetModules();
    jest.doMock('@sentry/nestjs', () => loaded);
  });
  afterEach(() => {
    jest.dontMock('@sentry/nestjs');
    delete global.__SENTRY__;
    if (before) global.__SENTRY__ = before;
  });

  it('is not loaded for an app that merely has it installed, and is found once the app has set it up', async () => {
    delete global.__SENTRY__;
    expect(await sentryInUse()).toBeUndefined();
    expect(await untraced()).toBe(withoutTracing);
    global.__SENTRY__ = {};
    expect(await sentryInUse()).toMatchObject(loaded);
    expect(await untraced()).not.toBe(withoutTracing);
  });
});
