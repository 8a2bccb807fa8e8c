import type { RateAlert } from '../../model/rate-alert.js';
import type { MessageOptions } from '../common-options.js';

/** Discord accepts 2,048 characters, Slack 3,000. */
const MAX_LENGTH = 2_000;

/** The link of an alert, if it is a usable address. A failing `link` function must not prevent the alert. */
export function linkOf(alert: RateAlert, link?: MessageOptions['link']): string | undefined {
  try {
    return safeLink(link ? link(alert) : alert.link);
  } catch {
    return undefined;
  }
}

/** The address if people can follow it, otherwise undefined. */
export function safeLink(address = ''): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, href } = new URL(address);
  return ['http:', 'https:'].includes(protocol) && href.length <= MAX_LENGTH ? href : undefined;
}
