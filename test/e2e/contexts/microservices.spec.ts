import { AsyncLocalStorage } from 'node:async_hooks';
import type { AddressInfo, Server as TcpServer } from 'node:net';

import { Post, Controller, type ExecutionContext, type INestApplication, type INestMicroservice } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  MqttContext,
  NatsContext,
  RedisContext,
  RmqContext,
  Server,
  Transport,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';

import { MonitorRate, RateCounterService, RateMonitorModule, RateMonitorService } from '../../../src/index.js';
import { CapturingChannel, startApp, type TestApp } from '../../support/app.js';
import { calmCategories } from '../../support/calm-window.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';
import { EvaluationsConsumer, fromTransports } from './microservice.example.js';

const tcp = { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } } as const;

/** Nest 10 has no `unwrap` yet. */
const portOf = (service: INestMicroservice): number => {
  const { unwrap, server } = service as unknown as { unwrap?: () => TcpServer; server: { server: TcpServer } };
  return ((unwrap?.call(service) ?? server.server).address() as AddressInfo).port;
};
const connectTo = (service: INestMicroservice): ClientProxy =>
  ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port: portOf(service) } });
const ask = (client: ClientProxy, message: object): Promise<string> =>
  firstValueFrom(client.send<string>('evaluate', message));

/** Stands for a broker: delivers a message with the context that Nest's server of that broker makes. */
class BrokerStandIn extends Server {
  constructor(private readonly backlog = 0) {
    super();
  }

  async listen(started: () => void): Promise<void> {
    await Promise.all(Array.from({ length: this.backlog }, () => this.deliver('evaluate', {})));
    started();
  }

  async deliver(pattern: string, context: object): Promise<void> {
    await this.getHandlerByPattern(pattern)?.({}, context);
  }

  close(): void {}

  on(): void {}

  unwrap<T>(): T {
    throw new Error('there is no broker');
  }
}

describe('a microservice', () => {
  const channel = new CapturingChannel();
  const log = new MemoryLogger();
  let service: INestMicroservice;
  let client: ClientProxy;
  const count = (category: string): Promise<number> => service.get(RateCounterService).read(category, 'acme');

  beforeAll(async () => {
    const imports = [RateMonitorModule.forRoot({ channels: [channel], categories: calmCategories() })];
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

  it('responds without a tenant, and logs its absence once', async () => {
    for (let i = 0; i < 2; i++) expect(await ask(client, { user: { project: 'acme' } })).toBe('done');
    expect(log.of('No tenant on rpc evaluate')).toHaveLength(1);
    expect(log.of('not counted (')).toEqual([]);
  });
});

describe('an app of several brokers', () => {
  const strategy = new BrokerStandIn();
  let app: TestApp;
  const count = (tenant: string): Promise<number> => app.app.get(RateCounterService).read('evaluations', tenant);

  beforeAll(async () => {
    app = await startApp({
      monitor: fromTransports,
      metadata: { controllers: [EvaluationsConsumer] },
      prepare: (it) => void it.connectMicroservice({ strategy }),
    });
    await app.app.startAllMicroservices();
  });
  afterAll(() => app.close());

  it.each([
    [
      'a header of NATS',
      new NatsContext(['evaluate', { get: (name: string) => ({ 'x-project': 'ofNats' })[name] }]),
      'ofNats',
    ],
    ['a topic of MQTT', new MqttContext(['projects/ofMqtt/evaluate', {}]), 'ofMqtt'],
    ['its guard', Object.assign(new RedisContext(['evaluate']), { user: { project: 'ofRedis' } }), 'ofRedis'],
  ])('takes the tenant from %s', async (_from, context, tenant) => {
    await strategy.deliver('evaluate', context);
    expect(await count(tenant)).toBe(1);
  });

  it('counts only the first delivery of RabbitMQ, if skipIf says so', async () => {
    const delivery = (redelivered: boolean): RmqContext =>
      new RmqContext([{ fields: { redelivered }, properties: { headers: { 'x-project': 'ofRmq' } } }, {}, 'evaluate']);
    for (const redelivered of [false, true, true]) await strategy.deliver('evaluate', delivery(redelivered));
    expect(await count('ofRmq')).toBe(1);
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

describe('a hybrid app of a broker', () => {
  @Controller()
  class Consumer {
    @MessagePattern('evaluate')
    @MonitorRate('evaluations')
    evaluate() {}
  }
  const guard = {
    canActivate: (context: ExecutionContext) =>
      !!Object.assign(context.switchToRpc().getContext<object>(), { user: { project: 'acme' } }),
  };
  const metadata = { controllers: [Consumer], providers: [{ provide: APP_GUARD, useValue: guard }] };
  const count = ({ app }: TestApp): Promise<number> => app.get(RateCounterService).read('evaluations', 'acme');

  it.each([true, false])(
    'finds the tenant that a global guard sets, if inheritAppConfig is set: %p',
    async (inheritAppConfig) => {
      const strategy = new BrokerStandIn();
      const app = await startApp({
        metadata,
        prepare: (it) => void it.connectMicroservice({ strategy }, { inheritAppConfig }),
      });
      await app.app.startAllMicroservices();
      await strategy.deliver('evaluate', new RedisContext(['evaluate']));
      expect(await count(app)).toBe(inheritAppConfig ? 1 : 0);
      expect(app.log.of('global guards of a hybrid app see messages only with inheritAppConfig: true')).toHaveLength(
        inheritAppConfig ? 0 : 1,
      );
      await app.close();
    },
  );

  it('counts early messages against the tenants in their AsyncLocalStorage', async () => {
    const tenants = new AsyncLocalStorage<string>();
    const app = await startApp({
      metadata,
      options: { tenant: () => tenants.getStore() },
      prepare: async (it) => {
        const strategy = new BrokerStandIn();
        it.connectMicroservice({ strategy });
        await it.startAllMicroservices();
        for (const tenant of ['acme', 'umbrella'])
          await tenants.run(tenant, () => strategy.deliver('evaluate', new RedisContext(['evaluate'])));
      },
    });
    expect(await count(app)).toBe(1);
    await app.close();
  });

  it('counts messages that waited in a queue, with a tenant resolver that runs a query', async () => {
    const app = await startApp({
      metadata,
      options: { tenant: () => new Promise((found) => setTimeout(() => found('acme'), 10)) },
      prepare: async (it) => {
        it.connectMicroservice({ strategy: new BrokerStandIn(3_000) });
        await it.startAllMicroservices();
      },
    });
    await app.app.get(RateMonitorService).flush(10_000);
    expect(await count(app)).toBe(3_000);
    await app.close();
  });

  it('counts a whole backlog if the app is initialized before its microservices start', async () => {
    const app = await startApp({
      metadata,
      prepare: async (it) => {
        it.connectMicroservice({ strategy: new BrokerStandIn(10_001) }, { inheritAppConfig: true });
        await it.init();
        await it.startAllMicroservices();
      },
    });
    expect(await count(app)).toBe(10_001);
    expect(app.log.of('could not be kept')).toEqual([]);
    await app.close();
  });
});
