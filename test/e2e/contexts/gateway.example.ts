import type { IncomingMessage } from 'node:http';

import { UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { MonitorRate, RateMonitorGuard } from 'nestjs-rate-monitor';
import type { Socket } from 'socket.io';
import type { WebSocket } from 'ws';

const tenantOf = (token: unknown) => (typeof token === 'string' ? { project: { id: token } } : undefined);

@UseGuards(RateMonitorGuard)
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

@UseGuards(RateMonitorGuard)
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
