import { Cluster, Redis } from 'ioredis';

/** After this, Redis counts as away: a frozen one accepts connections and never answers. */
const ANSWER_TIMEOUT_MS = 5_000;

/** Whether this is a URL that can be parsed, or the path of a socket. */
export function isAddress(url: string): boolean {
  if (url.startsWith('/')) return true;
  try {
    const { protocol, hostname, username, password, pathname } = new URL(url);
    decodeURIComponent(username + password);
    return ['redis:', 'rediss:'].includes(protocol) && hostname !== '' && /^(\/\d*)?$/.test(pathname);
  } catch {
    return false;
  }
}

/** A connection that is not open yet, the secrets that must not appear in output, and the connection's last error. */
export function connectTo(
  url: string,
  isCluster: boolean,
): { client: Redis | Cluster; secrets: string[]; lastError: () => Error | undefined } {
  const fromVariable = process.env.REDIS_PASSWORD ?? '';
  const { password: inUrl = '', username = '' } = URL.canParse(url) ? new URL(url) : {};
  const password = inUrl === '' ? fromVariable : decodeURIComponent(inUrl);
  const options = {
    lazyConnect: true,
    enableOfflineQueue: isCluster,
    maxRetriesPerRequest: 0,
    connectTimeout: ANSWER_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
    ...(password === '' ? {} : { password }),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    // In a Cluster, the URL names only one node. The others need TLS too.
    ...(url.startsWith('rediss:') ? { tls: {} } : {}),
    retryStrategy: () => null,
  };
  const address = withoutUser(url);
  const client = isCluster
    ? new Cluster([address], { lazyConnect: true, redisOptions: options, clusterRetryStrategy: () => null })
    : new Redis(address, options);
  let last: Error | undefined;
  client.on('error', (error: Error) => (last = error));
  const secrets = [fromVariable, inUrl, password].filter((secret) => secret !== '');
  return { client, secrets, lastError: () => last };
}

/** ioredis reads a URL with a user and no password as an empty password, which would win over the option. */
function withoutUser(url: string): string {
  if (!URL.canParse(url)) return url;
  const address = new URL(url);
  address.username = '';
  address.password = '';
  return address.href;
}
