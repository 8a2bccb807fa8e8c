import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import type { ShownMessage } from './shown-message.js';

const WEBHOOK = '/api/webhooks/1/stand-in';

/** Plays one webhook of Discord on this machine: takes messages and edits, and keeps how each message looked. */
export class DiscordStandIn {
  /** Of each message how it was posted, then how it stood after each edit. */
  readonly messages: ShownMessage[][] = [];
  private readonly server = createServer((request, response) => {
    // Not even JSON, or cut off: the demo then sees a message missing.
    this.receive(request, response).catch(() => response.destroy());
  });

  /** @param see Told of a message whenever there is something new to see of it. */
  constructor(private readonly see: (message: ShownMessage, edits: number) => void) {}

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${WEBHOOK}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://stand-in');
    const message = (await json(request)) as ShownMessage;
    const edited = pathname.startsWith(`${WEBHOOK}/messages/`) ? pathname.split('/').pop() : undefined;
    if (request.method === 'POST' && pathname === WEBHOOK)
      return answer(response, searchParams.get('wait') === 'true' ? 200 : 204, { id: this.post(message) });
    if (request.method === 'PATCH' && this.edit(Number(edited), message)) return answer(response, 200, { id: edited });
    return answer(response, 404, { code: edited ? 10_008 : 10_015 });
  }

  private post(message: ShownMessage): string {
    const id = this.messages.push([message]) - 1;
    this.see(message, 0);
    return String(id);
  }

  private edit(id: number, changes: ShownMessage): boolean {
    const versions = this.messages[id];
    if (!versions) return false;
    const message = { ...versions.at(-1), ...changes };
    const edits = versions.push(message) - 1;
    this.see(message, edits);
    return true;
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(status === 204 ? '' : JSON.stringify(body));
}
