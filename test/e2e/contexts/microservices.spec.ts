import type { AddressInfo, Server } from 'node:net';

import { Post, Controller, type INestApplication, type INestMicroservice } from '@nestjs/common';
import { ClientProxyFactory, Transport, type ClientProxy, type MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';

import { MonitorRate, RateCounterService, RateMonitorModule } from '../../../src/index.js';
import { CapturingChannel, startApp, type TestApp } from '../../support/app.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';
import { EvaluationsConsumer } from './microservice.example.js';

const tcp = { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } } as const;

/** Nest 10 has no `unwrap` yet. */
const portOf = (service: INestMicroservice): number => {
  const { unwrap, server } = service as unknown as { unwrap?: () => Server; server: { server: Server } };
  return ((unwrap?.call(service) ?? server.server).address() as AddressInfo).port;
};
const connectTo = (service: INestMicroservice): ClientProxy =>
  ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port: portOf(service) } });
const ask = (client: ClientProxy, message: object): Promise<string> =>
  firstValueFrom(client.send<string>('evaluate', message));

describe('a microservice', () => {
  const channel = new CapturingChannel();
  const log = new MemoryLogger();
  let service: INestMicroservice;
  let client: ClientProxy;
  const count = (category: string): Promise<number> => service.get(RateCounterService).read(category, 'acme');

  beforeAll(async () => {
    const imports = [RateMonitorModule.forRoot({ channels: [channel] })];
    const testing = Test.createTestingModule({ imports, controllers: [EvaluationsConsumer] }).setLogger(log);
    service = (await testing.compile()).createNestMicroservice<MicroserviceOptions>({ ...tcp, logger: log });
    await service.listen();
    client = connectTo(service);
  });
  afterAll(async () => {
    await client.close();
    await service.close();
  });

  it('counts each message once, and alerts', async () => {
    for (let i = 0; i < 4; i++) expect(await ask(client, { token: 'acme' })).toBe('done');
    expect(await count('evaluations')).toBe(4);
    expect(channel.alerts[0]?.route).toEqual({
      method: 'rpc',
      path: 'evaluate',
      handler: 'EvaluationsConsumer.evaluate',
    });
  });

  it('counts each event once', async () => {
    for (let i = 0; i < 2; i++) await firstValueFrom(client.emit('collected', { token: 'acme' }), { defaultValue: 0 });
    await ask(client, { token: 'acme' });
    await until(async () => (await count('collections')) === 2);
  });

  it('responds without a tenant, and logs that once', async () => {
    for (let i = 0; i < 2; i++) expect(await ask(client, { user: { project: 'acme' } })).toBe('done');
    expect(log.of('No tenant on rpc evaluate')).toHaveLength(1);
    expect(log.of('not counted (')).toEqual([]);
  });
});

describe('a hybrid app', () => {
  let app: TestApp;
  let client: ClientProxy;

  @Controller()
  class Http {
    @Post('evaluations')
    @MonitorRate('evaluations')
    evaluate() {}
  }
  const start = async (options: object, beforeListening?: (app: INestApplication) => Promise<void>): Promise<void> => {
    let service: INestMicroservice | undefined;
    app = await startApp({
      options: { tenant: () => 'acme' },
      metadata: { controllers: [Http, EvaluationsConsumer] },
      prepare: async (it) => {
        service = it.connectMicroservice<MicroserviceOptions>(tcp, options);
        await beforeListening?.(it);
      },
    });
    if (!beforeListening) await app.app.startAllMicroservices();
    client = connectTo(service as INestMicroservice);
  };
  const count = (): Promise<number> => app.app.get(RateCounterService).read('evaluations', 'acme');

  afterEach(async () => {
    await client.close();
    await app.close();
  });

  it.each([
    ['without the config of the app', {}],
    ['inheriting the config of the app', { inheritAppConfig: true }],
  ])('counts requests and messages together, each once, %s', async (_how, options) => {
    await start(options);
    await ask(client, {});
    expect((await app.post('/evaluations')).status).toBe(201);
    expect(await count()).toBe(2);
  });

  it('counts messages that come before the app listens', async () => {
    let answered: Promise<string> | undefined;
    await start({}, async (service) => {
      await service.startAllMicroservices();
      const early = connectTo(service.getMicroservices()[0] as INestMicroservice);
      answered = ask(early, {});
      expect(await answered).toBe('done');
      await early.close();
    });
    expect(await count()).toBe(1);
  });
});
