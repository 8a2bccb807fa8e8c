import type { Cluster, Redis, RedisOptions } from 'ioredis';

import { isRateMonitorConfigError, RateMonitorConfigError } from '../../model/config-error.js';
import { hasMethods } from '../../util/shapes.js';
import { oneLine, reasonOf, withoutAddresses } from '../../util/text.js';

/** When a command times out. Longer than the wait for a publish, which allows for a busy event loop; ioredis's timeout does not. */
const COMMAND_TIMEOUT_MS = 1_500;
/** How long a socket may take to close: a dead one never answers, and would keep the process alive. */
const DISCONNECT_TIMEOUT_MS = 100;
const LAST_RETRY_MS = 1_000;
/** How long ioredis waits at most until it asks its Sentinels again, or a server that is loading its data; it waits even after it is closed. */
const ASK_AGAIN_WITHIN_MS = 500;
/** Empty braces at the start of a key: a Cluster ignores any that follow. */
const EMPTY_TAG = /^[^{]*\{\}/;

/**
 * Why we open our own connection: by default, ioredis queues commands while it is disconnected and resends them for seconds. Here a command
 * is sent now or fails now, and the next one carries everything again. Client settings that would break this are reset: strategies that
 * give up, reads from replicas (also through a Sentinel), automatic pipelines.
 */
const OPTIONS: RedisOptions & { replyMapping: 'legacy' } = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  autoResendUnfulfilledCommands: false,
  // A command that loses its connection fails at once, not at its timeout.
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  role: 'master',
  // One Sentinel that hangs must not keep the others from being asked.
  sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  retryStrategy,
  sentinelRetryStrategy: (attempt) => Math.min(retryStrategy(attempt), ASK_AGAIN_WITHIN_MS),
  maxLoadingRetryTime: ASK_AGAIN_WITHIN_MS,
  // Numbers in replies stay numbers, and lists flat: ioredis 6 can nest them as RESP3 does.
  stringNumbers: false,
  replyMapping: 'legacy',
  // The master has become a replica; reconnecting finds the new master.
  reconnectOnError: (error) => error.message.includes('READONLY'),
};

const isClient = hasMethods(['duplicate', 'defineCommand', 'disconnect', 'on']);

type ConnectToSentinel = (address: unknown, options?: RedisOptions) => Redis;

/**
 * Creates our own connection to the server that `client` uses; it is not open yet.
 *
 * @throws RateMonitorConfigError if the client is not an ioredis client, cannot be duplicated, or its prefix cannot work on a Cluster.
 */
export function ownConnection(client: Redis | Cluster): Redis | Cluster {
  if (!isClient(client)) throw notIoredis();
  const connection = duplicateOf(client);
  if (!isClient(connection)) throw notIoredis();
  return connection;
}

function duplicateOf(client: Redis | Cluster): Redis | Cluster {
  try {
    return client.isCluster ? ownCluster(client as Cluster) : ownSingle(client as Redis);
  } catch (error) {
    if (isRateMonitorConfigError(error)) throw error;
    // Such as an instance of the app's own class.
    throw new RateMonitorConfigError([
      `redis is a client that cannot be duplicated (${reasonOf(error)}): pass one whose duplicate() works, as it does for a Redis or Cluster of ioredis`,
    ]);
  }
}

/** The address that `client` uses, without a password, which may be in a host that is a whole address by mistake. */
export function addressOf(client: Redis | Cluster): string {
  if (client.isCluster) return 'Redis Cluster';
  const { host, port, path, db, sentinels, name } = (client as Redis).options;
  const address = sentinels ? `Sentinel ${name ?? ''}`.trim() : (path ?? `${host}:${port}`);
  return withoutAddresses(db ? `Redis ${address} db ${db}` : `Redis ${address}`);
}

function ownSingle(client: Redis): Redis {
  const connection = client.duplicate({ ...OPTIONS, socketTimeout: undefined });
  if (!isClient(connection)) return connection;
  return followCredentials(endSentinelsInTime(connection), connection.options, () => client.options);
}

/** ioredis does not pass our options to its connections to Sentinels: a timer of 2 s would outlive each and keep the process alive. */
function endSentinelsInTime(connection: Redis): Redis {
  const { connector } = connection as unknown as { connector?: { connectToSentinel?: ConnectToSentinel } };
  const connect = connector?.connectToSentinel;
  if (connect)
    connector.connectToSentinel = (address, options) =>
      connect.call(connector, address, { disconnectTimeout: DISCONNECT_TIMEOUT_MS, ...options });
  return connection;
}

function ownCluster(client: Cluster): Cluster {
  const { keyPrefix = '' } = client.options;
  if (EMPTY_TAG.test(keyPrefix))
    throw new RateMonitorConfigError([
      `the Cluster client given as redis has the keyPrefix '${oneLine(keyPrefix, 40)}': because of its {}, each key gets its own slot, but ` +
        "a tenant's windows must share one. Remove {} from it, or pass a client without keyPrefix",
    ]);
  const { lazyConnect, enableOfflineQueue, enableAutoPipelining, ...each } = OPTIONS;
  const redisOptions = { ...client.options.redisOptions, ...each };
  const connection = client.duplicate([], {
    lazyConnect,
    enableOfflineQueue,
    enableAutoPipelining,
    redisOptions,
    clusterRetryStrategy: retryStrategy,
    scaleReads: 'master',
  });
  return followCredentials(connection, redisOptions, () => client.options.redisOptions);
}

/** Credentials that the app rotates in its client's options (IAM, Entra) apply to our next connection too. */
function followCredentials<T>(connection: T, own: RedisOptions, app: () => RedisOptions | undefined): T {
  for (const credential of ['username', 'password'] as const) {
    if (app()?.[credential] === undefined && own[credential] === undefined) continue;
    Object.defineProperty(own, credential, {
      get: () => app()?.[credential],
      set: () => undefined,
      enumerable: true,
      configurable: true,
    });
  }
  return connection;
}

function notIoredis(): RateMonitorConfigError {
  return new RateMonitorConfigError([
    'redis is not an ioredis client: pass a Redis or Cluster of the package ioredis (a node-redis client, or an object like one, does not work)',
  ]);
}

function retryStrategy(attempt: number): number {
  return Math.min(attempt * 50, LAST_RETRY_MS);
}
