import { Redis } from 'ioredis';

import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import type { Scene } from './scene.js';

type Happening = Partial<Pick<Scene, 'inject' | 'recover' | 'stop'>>;

/** One server, connected to directly; `admin` was connected before anything happened. */
export async function server(happens: (server: RedisServer, admin: Redis) => Happening): Promise<Scene> {
  const started = await RedisServer.start();
  return scene(started, started.port, (admin) => happens(started, admin));
}

/** One server behind a stretch of network. */
export async function proxied(happens: (proxy: TcpProxy, admin: Redis) => Happening): Promise<Scene> {
  const started = await RedisServer.start();
  const proxy = await TcpProxy.start(started.port);
  return scene(started, proxy.port, (admin) => ({ stop: () => proxy.close(), ...happens(proxy, admin) }));
}

/** A server demoted to a replica while its connections stay open; new connections reach another server, which is empty. */
export async function demoted(): Promise<Scene> {
  const next = await RedisServer.start();
  const reader = new Redis(next.url);
  const { stop, ...rest } = await proxied((proxy, admin) => ({
    inject: () => {
      proxy.targetPort = next.port;
      return admin.replicaof('127.0.0.1', 1);
    },
  }));
  return {
    ...rest,
    reader,
    stop: async () => {
      reader.disconnect();
      await stop();
      await next.kill();
    },
  };
}

async function scene(started: RedisServer, port: number, happens: (admin: Redis) => Happening): Promise<Scene> {
  const reader = new Redis({ port: started.port, retryStrategy: () => 50 });
  reader.on('error', () => undefined);
  await reader.ping();
  const { inject, recover, stop } = happens(reader);
  return {
    client: () => new Redis({ port, lazyConnect: true }),
    reader,
    inject: () => inject?.(),
    recover: () => recover?.(),
    stop: async () => {
      reader.disconnect();
      await stop?.();
      await started.kill();
    },
  };
}
