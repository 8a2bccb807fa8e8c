import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A network between a client and a server that a test can slow down, cut and silence. */
export class TcpProxy {
  /** Delay of the server's responses. */
  latencyMs = 0;
  /** Connections so far. */
  opened = 0;
  /** Keeps back what the server sends next. */
  loseNext = false;
  private silent = false;
  private dropping: NodeJS.Timeout | undefined;
  private readonly links = new Set<Link>();

  private constructor(
    readonly port: number,
    private readonly server: Server,
    /** Target of new connections. */
    public targetPort: number,
  ) {}

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new TcpProxy((server.address() as AddressInfo).port, server, targetPort);
    server.on('connection', (client) => proxy.link(client));
    return proxy;
  }

  /** Repeatedly cuts every connection, after a different wait between the two limits each time. */
  dropEvery(atLeastMs: number, atMostMs: number): void {
    const waitMs = atLeastMs + Math.random() * (atMostMs - atLeastMs);
    this.dropping = setTimeout(() => {
      this.drop();
      this.dropEvery(atLeastMs, atMostMs);
    }, waitMs);
  }

  stopDropping(): void {
    clearTimeout(this.dropping);
  }

  /** From now on accepts connections but never responds. */
  silence(): void {
    this.silent = true;
    for (const link of this.links) link.silent = true;
  }

  /** New connections work again; silenced ones stay silent, as after a router has lost its state. */
  speak(): void {
    this.silent = false;
  }

  async close(): Promise<void> {
    this.stopDropping();
    this.drop();
    this.server.close();
    await once(this.server, 'close');
  }

  /** Cuts every connection. */
  drop(): void {
    for (const link of this.links) link.cut();
  }

  /** Ends every connection politely. If something is still unread, cutting one resets it, which the client sees as another fault. */
  hangUp(): void {
    for (const link of this.links) link.end();
  }

  private link(client: Socket): void {
    this.opened++;
    const link = new Link(client, connect(this.targetPort, '127.0.0.1'), this);
    link.silent = this.silent;
    this.links.add(link);
    client.once('close', () => this.links.delete(link));
  }
}

/** One connection through the proxy. */
class Link {
  silent = false;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    proxy: Pick<TcpProxy, 'latencyMs' | 'loseNext'>,
  ) {
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.once('close', () => this.cut());
    }
    client.on('data', (data) => this.pass(server, data));
    let before = Promise.resolve();
    server.on('data', (data) => {
      if (proxy.loseNext) return void (proxy.loseNext = false);
      // Each chunk waits for the one before, so that a changing latency cannot reorder them.
      const due = new Promise<void>((resolve) => setTimeout(resolve, proxy.latencyMs));
      before = Promise.all([before, due]).then(() => this.pass(client, data));
    });
  }

  cut(): void {
    this.client.destroy();
    this.server.destroy();
  }

  end(): void {
    this.client.end();
  }

  private pass(to: Socket, data: Buffer): void {
    if (!this.silent && !to.destroyed) to.write(data);
  }
}
