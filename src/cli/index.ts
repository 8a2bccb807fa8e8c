#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { Redis, type Cluster } from 'ioredis';

import { oneLine } from '../util/text.js';
import { connectTo, isAddress } from './connection.js';
import { RowsFromRedis } from './rows-from-redis.js';
import { fitting, table } from './table.js';

const HELP = `Shows the busiest tenants now, read from Redis. The app does not have to be running.

  nestjs-rate-monitor top [options]

  --redis <url>       URL of Redis; default: REDIS_URL, or redis://127.0.0.1:6379. The password is read from the URL or from REDIS_PASSWORD
                      and is never printed
  --cluster           the URL is that of a node of a Cluster
  --prefix <text>     the module's keyPrefix, after that of the app's Redis client if it has one; default: rate_monitor
  --category <name>   one category; default: all
  --limit <number>    rows per window of a category; default: 20
  --watch             refresh every second, until Ctrl-C
  --json              one JSON document per refresh
`;
const EVERY_MS = 1_000;
const USAGE_ERROR = 2;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const OPTIONS = {
  redis: TEXT,
  prefix: TEXT,
  category: TEXT,
  limit: TEXT,
  cluster: FLAG,
  watch: FLAG,
  json: FLAG,
  help: FLAG,
};

type Arguments = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

void main();

async function main(): Promise<void> {
  const args = read();
  if (!args) return;
  const url = args.redis ?? (process.env.REDIS_URL?.trim() || 'redis://127.0.0.1:6379');
  if (!isAddress(url)) {
    // The input is not repeated, because it may contain a password.
    return misused(
      'This is not a Redis URL. Write redis://user:password@host:6379, or rediss:// for TLS; write characters such as @ / % or a space ' +
        'in a password as %40 %2F %25 %20, or set REDIS_PASSWORD',
    );
  }
  const { client, secrets, lastError } = connectTo(url, args.cluster ?? false);
  // At once: Redis may not answer.
  if (args.watch) process.once('SIGINT', () => process.exit());
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // The reader has closed the pipe, as `head` does once it has enough.
    if (code === 'EPIPE') process.exit();
    process.stderr.write(`The output could not be written: ${oneLine(message)}\n`);
    process.exit(1);
  });
  try {
    await client.connect();
    const wrong = client instanceof Redis ? await whyWrongServer(client) : undefined;
    if (wrong === undefined) await show(client, args);
    else misused(`This is ${wrong}`);
  } catch (error) {
    // ioredis reports why a connection ended only in an event.
    const cause = (lastError() ?? error) as Error & { lastNodeError?: Error };
    // A Cluster reports why in the error of the last node it asked.
    const { message, code = '' } = (cause.lastNodeError ?? cause) as Error & { code?: string };
    const reason = secrets.reduce((text, secret) => text.replaceAll(secret, '****'), message || code);
    process.stderr.write(`Redis could not be read: ${oneLine(reason)}\n`);
    process.exitCode = 1;
  } finally {
    client.disconnect();
  }
}

/** Prints the busiest tenants, once or every second. */
async function show(client: Redis | Cluster, { prefix = 'rate_monitor', ...args }: Arguments): Promise<void> {
  const reader = new RowsFromRedis(client, prefix, Number(args.limit ?? 20));
  const { category } = args;
  if (category !== undefined && !(await reader.isKnown(category))) {
    const known = await reader.categories();
    return misused(
      `Unknown category: ${known.length > 0 ? `write one of ${known.join(', ')}` : nothingCounted(prefix)}`,
    );
  }
  for (;;) {
    const categories = category === undefined ? await reader.categories() : [category];
    const rows = await reader.read(categories);
    if (args.json) process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), rows })}\n`);
    else {
      const text = categories.length === 0 ? `No tenant to show: ${nothingCounted(prefix)}` : table(rows);
      process.stdout.write(args.watch ? `\u001b[2J\u001b[H${fitting(text, process.stdout)}\n` : `${text}\n`);
    }
    if (!args.watch) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

/** What the server is, if it cannot show all tenants; undefined if it can. */
async function whyWrongServer(client: Redis): Promise<string | undefined> {
  const info = await client.info().catch(() => '');
  // One node of a Cluster has only some of the tenants, and would show them as if they were all.
  if (/^cluster_enabled:1/m.test(info)) return 'a node of a Cluster: add --cluster';
  if (/^redis_mode:sentinel/m.test(info)) return 'a Sentinel: give the address of its master';
  // If the database does not exist, the client would silently read the first one.
  if (client.options.db) await client.select(client.options.db);
  return undefined;
}

/** The arguments; undefined if help or an error was shown instead. */
function read(): Arguments | undefined {
  try {
    const { positionals, values } = parseArgs({ allowPositionals: true, options: OPTIONS });
    if (values.help) {
      process.stdout.write(HELP);
      return undefined;
    }
    if (positionals.length !== 1 || positionals[0] !== 'top') return refused('The only command is top');
    if (!isLimit(values.limit)) return refused('--limit is wrong: write a whole number from 1 to 999');
    return values;
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string };
    // An unknown option is not repeated, because it may be a password. For a known option, the message has only its name.
    return refused(code.includes('UNKNOWN_OPTION') ? 'Unknown option' : message);
  }
}

function refused(reason: string): undefined {
  return misused(`${reason}\n\n${HELP.trimEnd()}`);
}

function misused(message: string): undefined {
  process.stderr.write(`${message}\n`);
  process.exitCode = USAGE_ERROR;
}

function nothingCounted(prefix: string): string {
  return `nothing was counted with the prefix ${oneLine(prefix, 64)}, check --redis and --prefix`;
}

function isLimit(limit: string | undefined): boolean {
  return limit === undefined || /^[1-9]\d{0,2}$/.test(limit);
}
