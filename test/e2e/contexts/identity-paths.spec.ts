import type { AddressInfo, Server } from 'node:net';

import { Controller, Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { firstValueFrom } from 'rxjs';

import { MonitorRate, RateCounterService, tenantFrom } from '../../../src/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { wsClient } from './socket-clients.js';

interface Carrier {
  user?: unknown;
}

/** Leaves who asks where each kind of app has it. */
@Injectable()
class Authenticated implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const kind = context.getType<string>();
    const index = { graphql: 2, ws: 0, rpc: 1 }[kind] ?? 0;
    const argument = context.getArgByIndex<Carrier & { reply?: { request: Carrier } }>(index);
    (argument.reply?.request ?? argument).user = { userId: `user of ${kind}` };
    return true;
  }
}

@UseGuards(Authenticated)
@Resolver()
class AskResolver {
  @Query(() => String)
  @MonitorRate('evaluations')
  ask(): string {
    return 'yes';
  }
}

@UseGuards(Authenticated)
@WebSocketGateway()
class AskGateway {
  @SubscribeMessage('ask')
  @MonitorRate('evaluations')
  ask() {
    return { event: 'answer', data: 'yes' };
  }
}

@UseGuards(Authenticated)
@Controller()
class AskConsumer {
  @MessagePattern('ask')
  @MonitorRate('evaluations')
  ask(): string {
    return 'yes';
  }
}

describe("tenantFrom('userId')", () => {
  let app: TestApp;
  const options = { tenant: tenantFrom('userId') };
  const count = (tenant: string): Promise<number> => app.app.get(RateCounterService).read('evaluations', tenant);

  afterEach(() => app.close());

  it('finds the user of a GraphQL operation', async () => {
    const graphql = GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, autoSchemaFile: true });
    app = await startApp({ fastify: true, options, metadata: { imports: [graphql], providers: [AskResolver] } });
    await app.post('/graphql', {}, { query: '{ ask }' });
    expect(await count('user of graphql')).toBe(1);
  });

  it('finds the user of a socket', async () => {
    app = await startApp({
      options,
      metadata: { providers: [AskGateway] },
      prepare: (it) => void it.useWebSocketAdapter(new WsAdapter(it)),
    });
    const client = await wsClient(app.url);
    await client.ask();
    client.close();
    expect(await count('user of ws')).toBe(1);
  });

  it('finds the user of a message', async () => {
    const tcp = { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } } as const;
    app = await startApp({
      options,
      metadata: { controllers: [AskConsumer] },
      prepare: (it) => void it.connectMicroservice(tcp),
    });
    await app.app.startAllMicroservices();
    const [service] = app.app.getMicroservices() as unknown as [{ unwrap(): Server }];
    const { port } = service.unwrap().address() as AddressInfo;
    const client = ClientProxyFactory.create({ ...tcp, options: { ...tcp.options, port } });
    await firstValueFrom(client.send('ask', {}));
    client.close();
    expect(await count('user of rpc')).toBe(1);
  });
});
