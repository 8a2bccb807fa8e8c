import { UseGuards, type ExecutionContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

import { MonitorRate, RateCounterService, RateMonitorGuard, type RateMonitorOptions } from '../../../src/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { SocketIoGateway, WsGateway } from './gateway.example.js';
import { socketIoClient, wsClient, type SocketClient } from './socket-clients.js';

interface Transport {
  name: string;
  Adapter: typeof IoAdapter | typeof WsAdapter;
  Gateway: new () => { ask(): object };
  connectTo: (url: string, token?: string) => Promise<SocketClient>;
}

describe.each<Transport>([
  { name: 'socket.io', Adapter: IoAdapter, Gateway: SocketIoGateway, connectTo: socketIoClient },
  { name: 'ws', Adapter: WsAdapter, Gateway: WsGateway, connectTo: wsClient },
])('gateways on $name', ({ Adapter, Gateway, connectTo }) => {
  let app: TestApp;
  let client: SocketClient;

  const start = async (gateway: new () => object, token?: string, options: RateMonitorOptions = {}): Promise<void> => {
    app = await startApp({
      options,
      metadata: { providers: [gateway] },
      prepare: (it) => void it.useWebSocketAdapter(new Adapter(it)),
    });
    client = await connectTo(app.url, token);
  };
  const askAndCount = async (times: number): Promise<number> => {
    for (let i = 0; i < times; i++) expect(await client.ask()).toBe('yes');
    return app.app.get(RateCounterService).read('evaluations', 'acme');
  };

  afterEach(async () => {
    client.close();
    await app.close();
  });

  it('count each message once and alert', async () => {
    await start(Gateway, 'acme');
    expect(await askAndCount(5)).toBe(5);
    expect(app.alerts.map(({ route }) => route)).toEqual([
      { method: 'ws', path: 'ask', handler: `${Gateway.name}.ask` },
    ]);
  });

  it.each([
    ['once', [RateMonitorGuard]],
    ['twice', [RateMonitorGuard, RateMonitorGuard]],
  ])('count each message once if they bind the guard %s by hand', async (_what, guards) => {
    @UseGuards(...guards)
    @WebSocketGateway()
    class Bound extends Gateway {
      @SubscribeMessage('ask')
      @MonitorRate('evaluations')
      override ask() {
        return super.ask();
      }
    }
    await start(Bound, 'acme');
    expect(await askAndCount(2)).toBe(2);
  });

  it('count for a tenant that a later guard finds', async () => {
    const authenticate = {
      canActivate: (context: ExecutionContext) => {
        context.switchToWs().getClient<{ user?: unknown }>().user = { project: 'acme' };
        return true;
      },
    };
    @UseGuards(RateMonitorGuard, authenticate)
    @WebSocketGateway()
    class Late {
      @SubscribeMessage('ask')
      @MonitorRate('evaluations')
      ask() {
        return { event: 'answer', data: 'yes' };
      }
    }
    await start(Late);
    expect(await askAndCount(1)).toBe(1);
  });

  it('respond without a tenant, and log its absence once', async () => {
    await start(Gateway);
    expect(await askAndCount(2)).toBe(0);
    expect(app.log.of('No tenant on ws ask')).toHaveLength(1);
    expect(app.log.of('not counted (')).toEqual([]);
  });

  it('count for the tenant that a resolver returns', async () => {
    await start(Gateway, undefined, { tenant: () => 'acme' });
    expect(await askAndCount(1)).toBe(1);
  });
});
