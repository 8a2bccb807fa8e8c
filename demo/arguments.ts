import { parseArgs } from 'node:util';

/** What the demo is asked to show. */
export interface Asked {
  /** The webhook to send a test alert to. */
  discord?: string;
  /** Leave the page open. */
  page?: boolean;
}

/** What cannot be read is not shown: it may be the address of a webhook. */
export function argumentsOf(args: string[]): Asked {
  try {
    return parseArgs({ args, options: { discord: { type: 'string' }, page: { type: 'boolean' } } }).values;
  } catch {
    console.error(
      'Usage: npm run demo\n       npm run demo -- --page\n       npm run demo -- --discord URL-OF-A-WEBHOOK',
    );
    process.exit(1);
  }
}
