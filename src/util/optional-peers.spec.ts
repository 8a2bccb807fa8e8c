import type { ModuleRef } from '@nestjs/core';

import { environmentOf, nestRedisClient } from './optional-peers.js';

describe('a package that the app does without', () => {
  afterEach(() => jest.dontMock('@nestjs/config'));

  it.each([
    ['Node', 'MODULE_NOT_FOUND', "Cannot find module '@nestjs/config'"],
    ['Node, of ES modules', 'ERR_MODULE_NOT_FOUND', "Cannot find package '@nestjs/config' imported from /app"],
    [
      "Yarn's Plug'n'Play",
      'MODULE_NOT_FOUND',
      "nestjs-rate-monitor tried to access @nestjs/config (a peer dependency) but it isn't provided by your application",
    ],
  ])('is missed by nobody, as %s says that it is not there', async (_who, code, message) => {
    jest.doMock('@nestjs/config', () => {
      throw Object.assign(new Error(message), { code });
    });
    const environment = await environmentOf({} as ModuleRef);
    expect(environment.get('PATH')).toBe(process.env.PATH);
  });

  it('is told of where it is there and broken', async () => {
    jest.doMock('@nestjs/config', () => {
      throw Object.assign(new Error("Cannot find module 'dotenv'"), { code: 'MODULE_NOT_FOUND' });
    });
    await expect(environmentOf({} as ModuleRef)).rejects.toThrow('dotenv');
  });
});

it("takes no client from a RedisService that is the app's own", () => {
  class RedisService {
    getOrNil(): object {
      return {};
    }
  }
  const discovery = { getProviders: () => [{ metatype: RedisService, instance: new RedisService() }] };
  expect(nestRedisClient({ get: () => discovery } as unknown as ModuleRef)).toBeUndefined();
});
