import { Logger } from '@nestjs/common';

import type { Severity } from '../model/level.js';
import type { AlertChannel } from '../model/alert-channel.js';
import { alertLine } from './message/alert-line.js';
import { isOpen } from './message/alert-words.js';
import { MAX_NOTICE_LINE } from './message/notice-text.js';
import { linkOf } from './message/safe-link.js';
import { plainText } from './message/safe-text.js';
import type { Notice } from '../model/notice.js';
import type { RateAlert } from '../model/rate-alert.js';
import type { ChannelFilter } from './common-options.js';
import { checkOptions, FILTER_RULES } from './option-rules.js';

/** Writes alerts to the app's log, as an error, a warning or a plain line, depending on the severity. */
export class LogChannel implements AlertChannel {
  /** {@inheritDoc AlertChannel.name} */
  readonly name = 'log';
  /** {@inheritDoc AlertChannel.minSeverity} */
  readonly minSeverity: Severity | undefined;
  /** {@inheritDoc AlertChannel.categories} */
  readonly categories: readonly string[] | undefined;
  private readonly logger = new Logger('RateAlert');

  /** @throws RateMonitorConfigError if an option is wrong. */
  constructor(options?: ChannelFilter | null) {
    const { minSeverity, categories } = checkOptions('LogChannel', FILTER_RULES, options ?? {});
    this.minSeverity = minSeverity;
    this.categories = categories;
  }

  /** {@inheritDoc AlertChannel.send} */
  send(alert: RateAlert): void {
    const link = linkOf(alert);
    this.write(isOpen(alert) ? alert.level.severity : 'info', [alertLine(alert)], link);
  }

  /** {@inheritDoc AlertChannel.notify} */
  notify({ kind, severity, title, lines, service, environment, link }: Notice): void {
    // Already logged where it was set.
    if (kind === 'threshold') return;
    const place = [service, environment].filter(Boolean).join(', ');
    const shown = [title, ...lines, ...(place ? [place] : [])].map((line) => plainText(line, MAX_NOTICE_LINE));
    this.write(severity, shown, link);
  }

  private write(severity: Severity, parts: readonly string[], link: string | undefined): void {
    const message = [...parts, ...(link === undefined ? [] : [link])].join(' | ');
    if (severity === 'info') this.logger.log(message);
    else if (severity === 'critical') this.logger.error(message);
    else this.logger.warn(message);
  }
}
