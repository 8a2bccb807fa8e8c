// @ts-check
// The table in docs/compatibility.md comes from the consumers' lock files: checked at each run, written with --write.
import { readFileSync, writeFileSync } from 'node:fs';

import { CONSUMERS, locked } from './consumers.mjs';

const FILE = 'docs/compatibility.md';
const COLUMNS = {
  Nest: '@nestjs/core',
  ioredis: 'ioredis',
  '@nestjs/config': '@nestjs/config',
  '@liaoliaots/nestjs-redis': '@liaoliaots/nestjs-redis',
  '@sentry/nestjs': '@sentry/nestjs',
};

export function keepTable(write) {
  const before = readFileSync(FILE, 'utf8');
  const after = before.replace(/(?<=<!-- run -->\n)[\s\S]*?(?=<!-- \/run -->)/, table());
  if (before === after) return;
  if (!write) throw new Error(`${FILE} is out of date: run npm run compat:table`);
  writeFileSync(FILE, after);
}

function table() {
  const names = Object.keys(COLUMNS);
  const rows = CONSUMERS.map((consumer) => {
    const versions = names.map((name) => locked(consumer, COLUMNS[name]) ?? 'none');
    return [`\`compat/${consumer.name}\``, ...versions, consumer.installer, whatIsRun(consumer)];
  });
  const head = ['app', ...names, 'installed by', 'what is run'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function whatIsRun({ does, leavesOut = {} }) {
  const without = Object.keys(leavesOut);
  return does
    .map((step) => (step === 'e2e' && without.length > 0 ? `e2e without ${without.join(' and ')}` : step))
    .join(', ');
}

if (import.meta.filename === process.argv[1]) keepTable(process.argv.includes('--write'));
