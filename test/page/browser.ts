import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

import { binaryOf } from '../support/binary.js';

/** Headless, alone with its own new profile, and silent: what Chromium asks its makers in the background is turned off. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: binaryOf({
      names: ['chromium', 'chromium-browser', 'google-chrome'],
      apt: 'chromium',
      brew: 'chromium',
      why: 'The page is tested in a browser',
    }),
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1_360, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1_360, height: 900 } },
  phone: {
    colorScheme: 'light',
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  },
} satisfies Record<string, BrowserContextOptions>;

export interface WatchedPage {
  page: Page;
  /** What it may ask. */
  origin: string;
  /** What must not happen: errors on the console, requests to elsewhere, what the CSP blocked. */
  complaints: string[];
}

/** Opens an address, and keeps what goes wrong there. */
export async function openPage(browser: Browser, url: string, look: BrowserContextOptions): Promise<WatchedPage> {
  const context = await browser.newContext({ timezoneId: 'UTC', locale: 'en-GB', ...look });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const watched: WatchedPage = { page, origin: new URL(url).origin, complaints: [] };
  const complain = (what: string): void => void watched.complaints.push(what);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complain(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complain(`error: ${error.message}`));
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.protocol !== 'data:' && asked.origin !== watched.origin) complain(`left the origin: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`CSP blocked ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  await page.goto(url);
  return watched;
}
