// @ts-check
import { spawnSync } from 'node:child_process';

import { PLACE } from '../lib/place.mjs';

/**
 * What it costs to load a package into an app that has loaded Nest: CPU time, heap and files, in a process of its own each time. CPU time
 * instead of elapsed time, because it depends less on what else the machine does.
 *
 * @param {{ contestants: string[], rounds: number, tell: import('../results.js').Tell }} options
 */
export async function imports({ contestants, rounds, tell }) {
  const rows = [];
  for (let round = 0; round < rounds; round++) {
    for (const contestant of contestants) rows.push({ contestant, round, ...measured(contestant) });
    tell(`round ${round + 1} of ${rounds}`);
  }
  return rows;
}

/**
 * @param {string} name
 * @returns {{ importCpuMs: number, importHeapKb: number, importFiles: number }}
 */
function measured(name) {
  const program = `
    for (const base of ['reflect-metadata', 'rxjs', '@nestjs/common', '@nestjs/core']) require(base);
    gc();
    const files = Object.keys(require.cache).length;
    const { heapUsed } = process.memoryUsage();
    const started = process.cpuUsage();
    require(${JSON.stringify(name)});
    const { user, system } = process.cpuUsage(started);
    gc();
    console.log(JSON.stringify({
      importCpuMs: (user + system) / 1_000,
      importHeapKb: Math.round((process.memoryUsage().heapUsed - heapUsed) / 1_000),
      importFiles: Object.keys(require.cache).length - files,
    }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', program], {
    cwd: PLACE,
    encoding: 'utf8',
  });
  if (!stdout) throw new Error(`${name} cannot be loaded:\n${stderr}`);
  return JSON.parse(stdout);
}
