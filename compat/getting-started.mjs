// @ts-check
// Follows docs/getting-started.md in an app as `nest new` creates it: pastes each block, starts the app with `npm start`, and expects the log
// lines that the page shows.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { freePort, RedisServer } from '../bench/lib/of-tests.mjs';

/** Start of an alert's log line. */
const TITLE = '"Acme" (proj_1) is over the evaluations threshold: ';
const GIVE_UP_AFTER_MS = 60_000;

/** @param {string} app A folder in which the package and all that the app needs are installed. */
export async function followGettingStarted(app) {
  const page = readFileSync('docs/getting-started.md', 'utf8');
  const [inMemory, withTenant, redisOptions] = blocks(page, 'ts');
  const [bootLine, redisBootLine] = blocks(page, '').map((block) => block.replace('LOG ', '').trim());

  await withApp(app, inMemory, async ({ sees }) => sees(bootLine));
  await withApp(app, withTenant, async (replica) => {
    await replica.sees(bootLine);
    await callUntilAlert([replica]);
  });

  const redis = await RedisServer.start();
  const address = `localhost:${redis.port}`;
  try {
    const lines = redisOptions.trim().split('\n');
    const imports = lines.filter((line) => line.startsWith('import '));
    const options = lines.slice(imports.length).join('\n').trim().replace(/;$/, '');
    const withRedisOptions = [...imports, withTenant.replace('RateMonitorModule.forRoot()', options)].join('\n');
    const pointedHere = withRedisOptions.replace('localhost:6379', address);
    if (!pointedHere.includes(address)) throw new Error('step 3 does not name localhost:6379');
    await withApp(app, pointedHere, async (first) => {
      await first.sees(redisBootLine.replace('localhost:6379', address));
      // Runs what `npm start` built: a second build would delete it under the first app.
      const second = await start(app, ['node', 'dist/main.js']);
      try {
        await second.sees(redisBootLine.replace('localhost:6379', address));
        await callUntilAlert([first, second]);
      } finally {
        await second.stop();
      }
    });
  } finally {
    await redis.kill();
  }

  writeFileSync(join(app, 'src/app.module.ts'), withTenant);
  writeFileSync(join(app, 'src/evaluations.spec.ts'), blocks(readFileSync('docs/testing.md', 'utf8'), 'ts')[0]);
  const vitest = await start(app, ['npm', 'test']);
  await vitest.sees('1 passed');
  await vitest.ended;
}

/** @param {string} page @param {string} language */
function blocks(page, language) {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code);
}

/** @typedef {Awaited<ReturnType<typeof start>>} Running */

/**
 * @param {string} app
 * @param {string} appModule
 * @param {(running: Running) => Promise<void>} use
 */
async function withApp(app, appModule, use) {
  writeFileSync(join(app, 'src/app.module.ts'), appModule);
  const running = await start(app, ['npm', 'start']);
  try {
    await use(running);
  } finally {
    await running.stop();
  }
}

/**
 * Starts a command in the app, on its own port. `stop` ends it and everything it started.
 *
 * @param {string} app
 * @param {[command: string, ...args: string[]]} command
 */
async function start(app, [command, ...args]) {
  const port = await freePort();
  const child = spawn(command, args, {
    cwd: app,
    detached: true,
    env: { ...process.env, PORT: String(port), NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let waiting = () => {};
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      output += text;
      waiting();
    });
  const ended = new Promise((resolve) => child.on('close', resolve));
  return {
    url: `http://localhost:${port}`,
    output: () => output,
    ended,
    /**
     * @param {string} line
     * @returns {Promise<void>}
     */
    sees: (line) =>
      new Promise((resolve, reject) => {
        /** @param {string} why */
        const fail = (why) => () => reject(new Error(`${why}, but not the line "${line}":\n${output}`));
        const givingUp = new AbortController();
        setTimeout(GIVE_UP_AFTER_MS, undefined, { signal: givingUp.signal }).then(
          fail('it still runs'),
          () => undefined,
        );
        waiting = () => {
          if (!output.includes(line)) return;
          givingUp.abort();
          resolve();
        };
        child.on('close', fail('it ended'));
        waiting();
      }),
    stop: async () => {
      try {
        if (child.pid) process.kill(-child.pid);
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
      }
      await ended;
    },
  };
}

/**
 * Makes seven calls in turn: if a minute ends meanwhile, four of them are still in one. One replica alerts for each minute.
 *
 * @param {[Running, ...Running[]]} replicas
 */
async function callUntilAlert(replicas) {
  for (const { url } of replicas) await listens(url);
  const minute = () => Math.floor(Date.now() / 60_000);
  const began = minute();
  for (let i = 0; i < 7; i++) {
    const { url } = replicas[i % replicas.length];
    const { status } = await fetch(`${url}/evaluations`, { method: 'POST', headers: { 'x-project': 'proj_1' } });
    if (status !== 201) throw new Error(`answered ${status}`);
  }
  await setTimeout(1_000);
  const logs = replicas.map(({ output }) => output()).join('');
  const alerts = logs.split(TITLE).length - 1;
  if (alerts === 0 || (alerts > 1 && began === minute())) throw new Error(`${alerts} alerts instead of one:\n${logs}`);
}

/**
 * Resolves once an app takes connections, which is after its boot line.
 *
 * @param {string} url
 */
async function listens(url) {
  for (const givingUpAt = Date.now() + GIVE_UP_AFTER_MS; ; await setTimeout(50)) {
    try {
      await fetch(url);
      return;
    } catch (error) {
      if (Date.now() > givingUpAt) throw error;
    }
  }
}
