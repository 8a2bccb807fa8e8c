import type { MarkedHandler } from '../monitor/marked-handlers.js';
import { PERIODS, type Category } from '../model/category.js';
import { amountOf, duration } from '../util/text.js';
import { PERIOD_MS } from '../model/window-spans.js';

/** The line logged at boot: the store, each monitored handler with its thresholds, and the channels that take alerts. */
export function bootLine(
  store: string,
  handlers: readonly MarkedHandler[],
  categories: ReadonlyMap<string, Category>,
  channels: readonly string[],
): string {
  const limitsOf = ({ marks }: MarkedHandler): string =>
    [...new Set(marks.map(({ category }) => category))]
      .map((name) => limits(categories.get(name) as Category))
      .join(', ');
  const monitored = handlers.map((handler) => `${handler.name} (${limitsOf(handler)})`);
  const none =
    categories.size > 0
      ? 'no handler yet: put @MonitorRate on one, or call RateMonitorService.record()'
      : 'nothing: categories is empty';
  const what = monitored.length > 0 ? monitored.join(', ') : none;
  const where = channels.length > 0 ? `alerts go to ${channels.join(', ')}` : 'alerts go nowhere: channels is empty';
  return `Counting in ${store}; monitoring ${what}; ${where}`;
}

function limits({ name, windows }: Category): string {
  const each = windows.map(({ threshold, windowMs, timeZone }) => {
    const period = timeZone === undefined ? undefined : PERIODS.find((one) => PERIOD_MS[one] === windowMs);
    if (threshold === Infinity) return 'no threshold';
    const most = typeof threshold === 'number' ? `more than ${amountOf(threshold)}` : 'a threshold per tenant';
    return `${most} in ${period ? `a ${period}` : duration(windowMs)}`;
  });
  return `${name}: ${each.join(', ')}`;
}
