import type { Notice } from '../../model/notice.js';
import { plural } from '../../util/text.js';

/** Maximum number of characters in a line of a notice. */
export const MAX_NOTICE_LINE = 240;
/** Room for the line that counts omitted lines. */
const REST_ROOM = 40;

/** The lines of a notice and where the app runs, in a service's dialect and at most `room` characters. */
export function noticeLines(
  { lines, service, environment }: Notice,
  place: string | undefined,
  write: (text: string, most: number) => string,
  room: number,
): string[] {
  const where = [service, place ?? environment].filter(Boolean).join(', ');
  const written = [...lines, ...(where ? [where] : [])].map((line) => write(line, MAX_NOTICE_LINE));
  const shown: string[] = [];
  let left = room - REST_ROOM;
  for (const line of written) {
    left -= line.length + 1;
    if (left < 0) return [...shown, `and ${plural(written.length - shown.length, 'more line')}`];
    shown.push(line);
  }
  return shown;
}
