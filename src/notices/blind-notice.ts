import type { NewNotice } from './notices.js';
import { plainText } from '../channels/message/safe-text.js';
import type { BlindTime } from '../model/blind-time.js';
import { amountOf, duration, moment, plural } from '../util/text.js';

const MAX_INSTANCES = 20;

/** Reports when the store was away, and what each instance counted meanwhile. */
export function blindNotice({ from, to, instances }: BlindTime, store: string): NewNotice {
  const shown = instances.slice(0, MAX_INSTANCES).map(({ host, pid, counted, lost }) => {
    const fate =
      counted === 0 && lost === 0
        ? ''
        : lost > 0
          ? `, ${amountOf(lost)} lost: their windows ended first`
          : ', all published since';
    return `${plainText(host, 80)} (pid ${pid}) counted ${amountOf(counted)} alone${fate}`;
  });
  const rest = instances.slice(MAX_INSTANCES);
  const counted = rest.reduce((sum, one) => sum + one.counted, 0);
  const lost = rest.reduce((sum, one) => sum + one.lost, 0);
  return {
    id: `blind:${from.getTime()}:${to.getTime()}`,
    kind: 'blind',
    severity: 'warning',
    title: `Rate monitor blind for ${duration(to.getTime() - from.getTime())}: ${plainText(store, 80)} was away`,
    lines: [
      `From ${moment(from)} to ${moment(to)}`,
      'Each instance alerted on its own counts meanwhile: alerts may be late or missing',
      ...shown,
      ...(rest.length > 0
        ? [`${plural(rest.length, 'more instance')} counted ${amountOf(counted)} alone, ${amountOf(lost)} of it lost`]
        : []),
    ],
  };
}
