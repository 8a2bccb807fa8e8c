import type { NewNotice } from './notices.js';
import type { ThresholdChange } from '../model/threshold-override.js';
import { categoryLabel, PLAIN } from '../channels/message/names.js';
import { idLabel } from '../util/shown-names.js';
import { amountOf, moment, oneLine } from '../util/text.js';

/** Reports which threshold was changed, by whom and why. */
export function thresholdNotice(change: ThresholdChange): NewNotice {
  const { category, tenant, from, to, until, by, reason, at } = change;
  const whom = tenant === undefined ? '' : ` for ${idLabel(tenant, 80)}`;
  const of = `${categoryLabel(change, PLAIN, 80)}${whom}`;
  const what = to === undefined ? 'is no longer set' : `is ${amountOf(to)}`;
  const before = from === undefined ? '' : `, ${amountOf(from)} before`;
  return {
    id: `threshold:${at.getTime()}:${oneLine(category, 40)}`,
    kind: 'threshold',
    severity: 'info',
    title: `The threshold of ${of} ${what}${before}`,
    lines: [`By ${idLabel(by, 80)}: ${oneLine(reason)}`, ...(until === undefined ? [] : [`Until ${moment(until)}`])],
    category,
    change,
  };
}
