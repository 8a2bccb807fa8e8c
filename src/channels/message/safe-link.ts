import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../channel-options.js';

/** Discord takes 2,048 characters, Slack 3,000. */
const LONGEST = 2_000;

/** The address that `link` gives for an alert, where it is one that people can follow. A link is never worth an alert. */
export function linkOf(alert: RateAlert, link: MessageOptions['link']): string | undefined {
  try {
    const { protocol, href } = new URL(link?.(alert) ?? '');
    return /^https?:$/.test(protocol) && href.length <= LONGEST ? href : undefined;
  } catch {
    return undefined;
  }
}
