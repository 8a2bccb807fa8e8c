import { spawn } from 'node:child_process';
import { once } from 'node:events';

import type { Overview } from '../../src/dashboard/api.js';
import { until } from '../support/until.js';

it('the demo prints the address of a page with live data', async () => {
  const env = { ...process.env, PORT: '0' };
  const demo = spawn('node', ['-r', './test/support/register.js', 'demo/run.ts', '--page'], { env });
  const ended = once(demo, 'exit');
  let out = '';
  demo.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  try {
    await until(() => /The page: \S+/.test(out), 60_000);
    const url = /The page: (\S+)/.exec(out)?.[1] ?? '';
    expect((await fetch(url)).status).toBe(200);
    const overview = async () => (await (await fetch(`${url}/api/overview`)).json()) as Overview;
    expect((await overview()).categories.map(({ name }) => name)).toEqual(['llm_call', 'evaluations', 'collections']);
    // A tenant goes over while the page is open.
    const running = async () => Math.max(0, ...(await overview()).rows.map(({ count }) => count));
    await until(async () => (await running()) > 0);
    const before = await running();
    await until(async () => (await running()) !== before);
  } finally {
    demo.kill('SIGKILL');
    await ended;
  }
});
