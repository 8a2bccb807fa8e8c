import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../channel-options.js';

/** Discord takes 2,048 characters, Slack 3,000. */
const MAX_LENGTH = 2_000;

/** Where to read on about an alert, if that is an address that people can follow. A link is never worth an alert. */
export function linkOf(alert: RateAlert, link?: MessageOptions['link']): string | undefined {
  try {
    const { protocol, href } = new URL((link ? link(alert) : alert.link) ?? '');
    return /^https?:$/.test(protocol) && href.length <= MAX_LENGTH ? href : undefined;
  } catch {
    return undefined;
  }
}
