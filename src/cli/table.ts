import { shownId } from '../util/shown-names.js';
import { oneLine } from '../util/text.js';
import type { LiveRow } from './rows-from-redis.js';

/** A UUID, which people copy. */
const ID_ROOM = 36;

/** The rows as text, with a header. A time of another day than `now` has its date: a window may be a month. */
export function table(rows: readonly LiveRow[], now = new Date()): string {
  if (rows.length === 0) return 'No tenant was counted in the current window.';
  const cells = rows.map(({ category, window, tenant, name, count, threshold, ratio, share, since }) => [
    oneLine(name ?? tenant, 32),
    shownId(tenant, ID_ROOM),
    window === '' ? category : `${category} ${window}`,
    threshold === undefined ? String(count) : `${count} of ${threshold}`,
    ratio === undefined ? '' : `${ratio.toFixed(1)}x`,
    `${Math.round(share * 100)} %`,
    since === undefined ? '' : `${since.slice(isToday(since, now) ? 11 : 0, 16).replace('T', ' ')} UTC`,
  ]);
  const all = [
    ['TENANT', 'ID', 'CATEGORY', 'COUNT', 'RATIO', 'SHARE', 'OVER SINCE'],
    // Whoever can write to Redis writes all of it, and a terminal obeys control characters.
    ...cells.map((row) => row.map((cell) => oneLine(cell))),
  ];
  const widths = (all[0] as string[]).map((_, i) => Math.max(...all.map((row) => (row[i] as string).length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The upper part of a text, as far as the terminal has room: the worst come first, and would scroll away. */
export function fitting(
  text: string,
  { rows = Infinity, columns = Infinity }: { rows?: number; columns?: number },
): string {
  const lines = text.split('\n').map((line) => line.slice(0, columns));
  // The cursor is in the last row.
  const room = rows - 1;
  if (lines.length <= room) return lines.join('\n');
  const shown = lines.slice(0, Math.max(room - 1, 0));
  return [...shown, `… ${lines.length - shown.length} more: use --category or --limit`.slice(0, columns)].join('\n');
}

function isToday(time: string, now: Date): boolean {
  return time.slice(0, 10) === now.toISOString().slice(0, 10);
}
