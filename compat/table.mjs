// @ts-check
// Makes the table in docs/compatibility.md from the consumers' lock files: checked at each run, written with --write.
import { readFileSync, writeFileSync } from 'node:fs';

import { CONSUMERS, locked, OF_NEST } from './consumers.mjs';

const FILE = 'docs/compatibility.md';
const LIST = new Intl.ListFormat('en');
/** @type {Record<string, string>} */
const COLUMNS = {
  Nest: '@nestjs/core',
  ioredis: 'ioredis',
  '@nestjs/config': '@nestjs/config',
  '@liaoliaots/nestjs-redis': '@liaoliaots/nestjs-redis',
  '@sentry/nestjs': '@sentry/nestjs',
};

/** @param {boolean} write */
export function keepTable(write) {
  const before = readFileSync(FILE, 'utf8');
  const after = before.replace(/(?<=<!-- run -->\n)[\s\S]*?(?=<!-- \/run -->)/, table());
  if (before === after) return;
  if (!write) throw new Error(`${FILE} is out of date: run npm run compat:table`);
  writeFileSync(FILE, after);
}

function table() {
  const rows = CONSUMERS.map((consumer) => {
    const versions = Object.values(COLUMNS).map((dependency) => locked(consumer, dependency) ?? 'none');
    return [`\`compat/${consumer.name}\``, ...versions, consumer.installer, whatIsRun(consumer)];
  });
  const head = ['app', ...Object.keys(COLUMNS), 'installed by', 'what is run'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** @param {import('./consumers.mjs').Consumer} consumer */
function whatIsRun({ does, leavesOut = {} }) {
  const without = Object.keys(leavesOut);
  /** @type {Record<string, string[]>} */
  const leftOut = {
    e2e: without,
    'e2e of Nest': without.filter((spec) => OF_NEST.some((begins) => spec.startsWith(begins))),
  };
  return does
    .map((step) => (leftOut[step]?.length ? `${step} without ${LIST.format(leftOut[step])}` : step))
    .join(', ');
}

if (import.meta.filename === process.argv[1]) keepTable(process.argv.includes('--write'));
