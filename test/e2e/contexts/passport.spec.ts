import { createHmac, randomUUID } from 'node:crypto';

import type { INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

import { CLOCK } from '../../../src/counter/clock.js';
import { RateCounterService } from '../../../src/index.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { JwtAppModule } from './passport.example.js';

const secret = randomUUID();
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function tokenOf(payload: object, key: string = secret): string {
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(payload)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

describe.each([
  ['Express', false],
  ['Fastify', true],
])('passport-jwt on %s', (_platform, fastify) => {
  let app: INestApplication;

  beforeAll(async () => {
    process.env.JWT_SECRET = secret;
    const startedAt = Date.now();
    const testing = await Test.createTestingModule({ imports: [JwtAppModule] })
      .setLogger(new MemoryLogger())
      .overrideProvider(CLOCK)
      .useValue({ now: () => startedAt })
      .compile();
    app = fastify ? testing.createNestApplication(new FastifyAdapter()) : testing.createNestApplication();
    await app.listen(0, '127.0.0.1');
  });
  afterAll(async () => {
    delete process.env.JWT_SECRET;
    await app.close();
  });

  it('counts against whom the token names, and nothing for a rejected token', async () => {
    const call = async (token: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${await app.getUrl()}/evaluations`, { method: 'POST', headers })).status;
    };
    const payload = { sub: 'user_1', email: 'a@example.com' };
    expect([await call(tokenOf(payload)), await call(tokenOf(payload))]).toEqual([201, 201]);
    expect(await call(tokenOf({ sub: 'user_1' }, 'forged'))).toBe(401);
    expect(await app.get(RateCounterService).read('evaluations', 'user_1')).toBe(2);
  });
});
