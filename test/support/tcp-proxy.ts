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
  /** The shortest and the longest time that a connection lives, in milliseconds, if they are being cut. */
  private lifetimes: readonly [atLeastMs: number, atMostMs: number] | undefined;
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

  /**
   * Cuts every connection, now and later, after a different time between the two limits. Each lives long enough to be of use: cut while it
   * opens again and again, they would be a network that is down.
   */
  dropAfter(atLeastMs: number, atMostMs: number): void {
    this.lifetimes = [atLeastMs, atMostMs];
    for (const link of this.links) this.cutLater(link);
  }

  stopDropping(): void {
    this.lifetimes = undefined;
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
    this.cutLater(link);
    client.once('close', () => this.links.delete(link));
  }

  private cutLater(link: Link): void {
    if (!this.lifetimes) return;
    const [atLeastMs, atMostMs] = this.lifetimes;
    const cut = (): void => void (this.lifetimes && link.cut());
    setTimeout(cut, atLeastMs + Math.random() * (atMostMs - atLeastMs));
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
