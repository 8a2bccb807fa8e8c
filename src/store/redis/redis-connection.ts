import type { Cluster, Redis, RedisOptions } from 'ioredis';

/** How long a command may take: the reply of one that took longer is given up, and the next publish says it all again. */
const COMMAND_TIMEOUT_MS = 1_000;
/** A connection that owes an answer for this long is taken for dead and made anew. */
const SOCKET_TIMEOUT_MS = 5_000;
const LAST_RETRY_MS = 1_000;

/**
 * Why not the app's own connection: ioredis, left to its defaults, holds commands back while it is disconnected and sends them again
 * afterwards, for seconds. Here a command is sent now or fails now, and what it would have said is said by the next one.
 */
const OPTIONS: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  // A command that is cut off with its connection fails then, not when its time is over.
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SOCKET_TIMEOUT_MS,
  retryStrategy,
  // Replies are read as what they are.
  stringNumbers: false,
  // A master that became a replica: whoever is master now is found by connecting again.
  reconnectOnError: (error) => error.message.includes('READONLY'),
};

/** A connection of our own to wherever `client` goes, not yet open. */
export function ownConnection(client: Redis | Cluster): Redis | Cluster {
  if (!client.isCluster) return (client as Redis).duplicate(OPTIONS);
  const cluster = client as Cluster;
  const { lazyConnect, enableOfflineQueue, retryStrategy: clusterRetryStrategy, ...each } = OPTIONS;
  const redisOptions = { ...cluster.options.redisOptions, ...each };
  // Not auto-pipelined: ioredis follows a moved slot only where every command of a pipeline has moved.
  return cluster.duplicate([], { lazyConnect, enableOfflineQueue, clusterRetryStrategy, redisOptions });
}

/** Where `client` goes, without a password. */
export function addressOf(client: Redis | Cluster): string {
  if (client.isCluster) return 'Redis Cluster';
  const { host, port, path, db, sentinels, name } = (client as Redis).options;
  const address = sentinels ? `Sentinel ${name ?? ''}`.trim() : (path ?? `${host}:${port}`);
  return db ? `Redis ${address} db ${db}` : `Redis ${address}`;
}

function retryStrategy(attempt: number): number {
  return Math.min(attempt * 50, LAST_RETRY_MS);
}
