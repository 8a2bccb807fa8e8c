import { once } from 'node:events';

import { io } from 'socket.io-client';
import { WebSocket } from 'ws';

/** A client of a gateway: asks, and gives the answer. */
export interface SocketClient {
  ask(): Promise<string>;
  close(): void;
}

export async function socketIoClient(url: string, token?: string): Promise<SocketClient> {
  const socket = io(url, { transports: ['websocket'], auth: token === undefined ? {} : { token } });
  await new Promise<void>((resolve) => void socket.once('connect', resolve));
  return {
    ask: () => {
      const answer = new Promise<string>((resolve) => void socket.once('answer', resolve));
      socket.emit('ask');
      return answer;
    },
    close: () => socket.close(),
  };
}

export async function wsClient(url: string, token?: string): Promise<SocketClient> {
  const socket = new WebSocket(url.replace('http', 'ws'), token === undefined ? {} : { headers: { 'x-token': token } });
  await once(socket, 'open');
  return {
    ask: async () => {
      socket.send(JSON.stringify({ event: 'ask' }));
      const [message] = (await once(socket, 'message')) as [Buffer];
      return (JSON.parse(message.toString()) as { data: string }).data;
    },
    close: () => socket.close(),
  };
}
