import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ephemeral ports: a connection attempt to a stopped server could otherwise be given the server's own port and connect to
 * itself. Ports 10,000 above are for the bus of a Cluster.
 */
const FIRST_PORT = 10_000;
const PORTS = 10_000;

/** A port for a program that cannot pick one itself, or does not say which it picked. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
