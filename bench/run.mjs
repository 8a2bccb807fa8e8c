// @ts-check
// npm run bench -- [--quick] [--platform express] [--only requests,guard] [--against <other checkout, built, or .tgz>] [--out <file>]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { prepare } from './prepare.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    platform: { type: 'string', default: 'fastify' },
    only: { type: 'string' },
    against: { type: 'string' },
    out: { type: 'string' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** @type {import('./results.js').Tell} */
const tell = (what) => void process.stderr.write(`${new Date().toLocaleTimeString('en-GB')} ${what}\n`);

tell('installing');
prepare(flags.against);

// Only now is there something to import.
const { FULL, QUICK } = await import('./settings.mjs');
const { machine } = await import('./lib/machine.mjs');
const { RedisServer } = await import('./lib/redis-server.mjs');
const { added } = await import('./suites/added.mjs');
const { guard } = await import('./suites/guard.mjs');
const { imports } = await import('./suites/import.mjs');
const { load } = await import('./suites/load.mjs');
const { memory } = await import('./suites/memory.mjs');
const { report } = await import('./report/report.mjs');

/** @type {Record<string, (options: never) => Promise<object[]>>} */
const SUITES = {
  requests: load,
  seeing: load,
  processes: load,
  tenants: load,
  rates: load,
  windows: load,
  beside: load,
  added,
  guard,
  memory,
  import: imports,
};

/** @type {Record<string, { contestants: string[] }>} */
const settings = flags.quick ? QUICK : FULL;
const name = `${flags.platform}${flags.quick ? '-quick' : ''}.json`;
const out = resolve(import.meta.dirname, flags.out ?? `results/${name}`);
const results = flags.only && existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : {};
results.machine = {
  ...machine(await redisVersion()),
  platform: flags.platform,
  settings: flags.quick ? 'quick' : 'full',
};

// What 0.1 can run too: a suite for `--against` alone.
const usual = Object.keys(SUITES).filter((suite) => suite !== 'beside');
for (const suite of flags.only?.split(',') ?? usual) {
  tell(suite);
  const { contestants, ...rest } = settings[suite];
  const all = flags.against ? withOther(contestants) : contestants;
  /** @type {import('./results.js').Tell} */
  const said = (what) => tell(`${suite}: ${what}`);
  results[suite] = await SUITES[suite](
    /** @type {never} */ ({ ...rest, contestants: all, platform: flags.platform, tell: said }),
  );
}

mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, resultsAsText(results));
console.log(report(results));

/**
 * One row a line: a new run gives a diff that can be read.
 *
 * @param {import('./results.js').Results} results
 */
function resultsAsText({ machine, ...suites }) {
  const parts = Object.entries(suites).map(
    ([suite, rows]) => `"${suite}": [\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]`,
  );
  return `{\n"machine": ${JSON.stringify(machine)},\n${parts.join(',\n')}\n}\n`;
}

/**
 * Each contestant of this package twice: as it is here, and as it is in the other checkout.
 *
 * @param {string[]} contestants
 */
function withOther(contestants) {
  return contestants.flatMap((name) => (name.startsWith('rate-monitor') ? [name, `${name} (other)`] : [name]));
}

async function redisVersion() {
  const redis = await RedisServer.start();
  const version = await redis.version();
  await redis.stop();
  return version;
}
