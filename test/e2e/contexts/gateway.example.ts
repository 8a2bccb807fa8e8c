import type { IncomingMessage } from 'node:http';

import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { MonitorRate } from 'nestjs-rate-monitor';
import type { Socket } from 'socket.io';
import type { WebSocket } from 'ws';

const tenantOf = (token: unknown) => (typeof token === 'string' ? { project: { id: token } } : undefined);

@WebSocketGateway()
export class SocketIoGateway implements OnGatewayConnection {
  handleConnection(client: Socket): void {
    client.data = { auth: tenantOf(client.handshake.auth.token) };
  }

  @SubscribeMessage('ask')
  @MonitorRate('evaluations')
  ask() {
    return { event: 'answer', data: 'yes' };
  }
}

@WebSocketGateway()
export class WsGateway implements OnGatewayConnection {
  handleConnection(client: WebSocket & { auth?: unknown }, request: IncomingMessage): void {
    client.auth = tenantOf(request.headers['x-token']);
  }

  @SubscribeMessage('ask')
  @MonitorRate('evaluations')
  ask() {
    return { event: 'answer', data: 'yes' };
  }
}
