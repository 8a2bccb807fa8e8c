import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

import { LATE_MS } from './stand-in.js';

/** The parts of an event that this suite checks. */
export interface SentryEvent {
  message: string;
  level: string;
  fingerprint: string[];
  tags: Record<string, string>;
  extra: Record<string, unknown>;
  request?: unknown;
  breadcrumbs?: unknown[];
}

/** A server that accepts what a Sentry SDK sends, like the ingest endpoint. */
export class SentryIngest {
  readonly events: SentryEvent[] = [];
  /** All received bodies, as text. */
  readonly bodies: string[] = [];
  /** Statuses of the next responses; later ones are accepted. */
  readonly refusals: number[] = [];

  private constructor(private readonly server: Server) {}

  /** @param slowMs How long a response takes. */
  static async start(slowMs = 0): Promise<SentryIngest> {
    const server = createServer();
    const ingest = new SentryIngest(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const raw = Buffer.concat(chunks);
        const answer = (): void => {
          const refusal = ingest.refusals.shift();
          if (refusal !== undefined) return void response.writeHead(refusal).end();
          ingest.take((request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString());
          response.setHeader('content-type', 'application/json').end('{"id":"0"}');
        };
        setTimeout(answer, slowMs + LATE_MS).unref();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return ingest;
  }

  get dsn(): string {
    return `http://public@127.0.0.1:${(this.server.address() as AddressInfo).port}/1`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** An envelope is lines of JSON: its header, then the header and the payload of each item. */
  private take(body: string): void {
    this.bodies.push(body);
    const lines = body.split('\n');
    lines.forEach((line, i) => {
      if (line.startsWith('{"type":"event"')) this.events.push(JSON.parse(lines[i + 1] as string) as SentryEvent);
    });
  }
}
