import { parseArgs } from 'node:util';

/** The webhook to send a test alert to, if any; what cannot be read is not shown, for it may be that address. */
export function webhookOf(args: string[]): string | undefined {
  try {
    return parseArgs({ args, options: { discord: { type: 'string' } } }).values.discord;
  } catch {
    console.error('Usage: npm run demo\n       npm run demo -- --discord URL-OF-A-WEBHOOK');
    process.exit(1);
  }
}
