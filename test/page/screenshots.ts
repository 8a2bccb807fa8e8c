// Takes the pictures of the page for the README and docs: `npm run screenshots`, or with an address of a running page after it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser, BrowserContextOptions } from 'playwright-core';

import { startPageStandIn } from '../support/page-stand-in.js';
import { launchChromium, LOOKS, openPage } from './browser.js';

const DIRECTORY = 'docs/images';
const MAX_BYTES = 200_000;
const PICTURES = [
  { name: 'page-light', look: LOOKS.light, height: 1_330, scale: 1.5, hash: '' },
  { name: 'page-dark', look: LOOKS.dark, height: 1_330, scale: 1.5, hash: '' },
  { name: 'page-phone', look: LOOKS.phone, height: 1_500, scale: 2, hash: '' },
  { name: 'page-tenant', look: LOOKS.light, height: 1_160, scale: 1.5, hash: '#/llm_call/proj_1' },
];

async function main(): Promise<void> {
  mkdirSync(DIRECTORY, { recursive: true });
  const [, , given] = process.argv;
  const assets = mkdtempSync(join(tmpdir(), 'page-'));
  execFileSync('node', ['scripts/build-page.mjs', '--out', assets]);
  const standIn = given === undefined ? await startPageStandIn({ assets, tenants: 40 }) : undefined;
  const browser = await launchChromium();
  try {
    for (const picture of PICTURES) await take(browser, given ?? standIn?.url ?? '', picture);
  } finally {
    await browser.close();
    await standIn?.close();
    rmSync(assets, { recursive: true });
  }
}

async function take(
  browser: Browser,
  url: string,
  { name, look, height, scale, hash }: (typeof PICTURES)[0],
): Promise<void> {
  const options: BrowserContextOptions = { ...look, deviceScaleFactor: scale, viewport: { ...look.viewport, height } };
  const { page, complaints } = await openPage(browser, url + hash, options);
  await page.locator('.hot, .tenant .ratio').first().waitFor();
  await page.locator('canvas').first().waitFor();
  await page.waitForTimeout(1_500);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 82 });
  const bytes = Buffer.from(data, 'base64');
  await page.context().close();
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
  if (bytes.length > MAX_BYTES) throw new Error(`${name} takes ${bytes.length} bytes, more than ${MAX_BYTES}`);
  writeFileSync(join(DIRECTORY, `${name}.webp`), bytes);
  console.log(`${DIRECTORY}/${name}.webp: ${Math.round(bytes.length / 1_000)} kB`);
}

void main();
