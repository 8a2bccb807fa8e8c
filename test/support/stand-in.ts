import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** A received request. */
export interface Received {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  /** The raw text. */
  body: string;
}

export interface StandInAnswer {
  status: number;
  /** A string is sent unchanged, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}

/** How late all stand-ins respond, in milliseconds: 400 shows that no test relies on a fast service. */
export const LATE_MS = Number(process.env.STAND_INS_LATE_MS ?? 0);

/** An HTTP server that simulates a service for alerts. Responses that a test does not script are those of the service. */
export abstract class StandIn {
  /** All requests, regardless of the response. */
  readonly requests: Received[] = [];
  /** The webhook's path, which is a secret. */
  protected abstract readonly path: string;
  private readonly scripted: { answer?: StandInAnswer | 'hang' | 'reset'; delayMs?: number }[] = [];
  private openRequests = 0;
  private readonly server: Server = createServer((request, response) => {
    this.receive(request, response).catch((error: unknown) => {
      // What waits for an answer gets none, and jest fails the test by the error that nobody catches.
      request.socket.destroy();
      throw error;
    });
  });

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  /** The address for a channel. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${this.path}`;
  }

  /** How many requests have no answer yet, and a client that still waits for it. */
  get waiting(): number {
    return this.openRequests;
  }

  /** Responses for the next requests, one each. */
  answerNext(...answers: StandInAnswer[]): void {
    this.scripted.push(...answers.map((answer) => ({ answer })));
  }

  /** Forgets what was scripted. */
  answerAsUsual(): void {
    this.scripted.length = 0;
  }

  /** Never responds to the next request. */
  hang(): void {
    this.scripted.push({ answer: 'hang' });
  }

  /** Breaks off the connection of the next request. */
  reset(): void {
    this.scripted.push({ answer: 'reset' });
  }

  /** Accepts the next request at once, and responds after exactly this time. */
  delayNext(delayMs: number, answer?: StandInAnswer): void {
    this.scripted.push({ delayMs, ...(answer ? { answer } : {}) });
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  protected abstract answer(request: Received): StandInAnswer;

  /** Headers of every response. */
  protected headers(): Record<string, string> {
    return {};
  }

  private async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.openRequests++;
    response.once('close', () => this.openRequests--);
    const chunks: Buffer[] = [];
    // A client that disconnects early has sent nothing.
    for await (const chunk of request.on('error', () => undefined)) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url as string, this.url);
    const body = Buffer.concat(chunks).toString();
    const received = {
      method: request.method as string,
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body,
    };
    this.requests.push(received);
    const { answer = this.answer(received), delayMs = LATE_MS } = this.scripted.shift() ?? {};
    if (delayMs > 0) await setTimeout(delayMs, undefined, { ref: false });
    if (answer === 'reset') request.socket.resetAndDestroy();
    else if (answer !== 'hang') this.reply(response, answer);
  }

  private reply(response: ServerResponse, { status, body, headers }: StandInAnswer): void {
    const [type, text] = typeof body === 'string' ? ['text/plain', body] : ['application/json', JSON.stringify(body)];
    response.writeHead(status, { 'content-type': type, ...this.headers(), ...headers }).end(text);
  }
}
