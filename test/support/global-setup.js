const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { createServer, connect } = require('node:net');

/** Makes sure there are a Redis to test against, that of TEST_REDIS_URL or one of our own, and a server for tests to stop and kill. */
module.exports = async () => {
  process.env.REDIS_SERVER_BINARY = binary() ?? install();
  if (process.env.TEST_REDIS_URL) return;
  const port = await freePort();
  const server = spawn(
    process.env.REDIS_SERVER_BINARY,
    ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'],
    {
      stdio: 'ignore',
    },
  );
  await reachable(port);
  process.env.TEST_REDIS_URL = `redis://127.0.0.1:${port}`;
  globalThis.__REDIS__ = server;
};

function binary() {
  for (const name of ['redis-server', 'valkey-server']) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // Not this one.
    }
  }
}

function install() {
  const ways = [
    [
      'apt-get',
      'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server',
    ],
    ['brew', 'brew install redis'],
  ];
  for (const [manager, command] of ways) {
    try {
      execFileSync('sh', ['-c', `command -v ${manager} && ${command}`], { stdio: 'ignore' });
    } catch {
      continue;
    }
    const installed = binary();
    if (installed) return installed;
  }
  throw new Error(
    'The tests start, stop and kill Redis servers of their own, and there is none here. Install one: ' +
      '`sudo apt-get install redis-server` or `brew install redis`',
  );
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function reachable(port) {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect(port, '127.0.0.1');
    const answered = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(
        () => false,
        () => false,
      ),
    ]).catch(() => false);
    socket.destroy();
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`redis-server did not answer on port ${port}`);
}
