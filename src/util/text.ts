/** Characters that could forge a line or turn the reading direction around: controls, line separators, bidi and zero-width marks. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** `text` on one line, with nothing invisible in it, cut to `most` characters: fit for a log line or a title. */
export function oneLine(text: string, most = 200): string {
  // Cut before cleaning, so that a very long text costs no more than a short one.
  const clean = text
    .slice(0, most * 2)
    .replace(UNPRINTABLE, ' ')
    .trim();
  if (clean.length <= most && text.length <= most * 2) return clean;
  return `${clean.slice(0, most - 1).replace(/\p{Cs}$/u, '')}…`;
}

/** What went wrong, on one line. */
export function reasonOf(error: unknown): string {
  return oneLine(error instanceof Error && error.message !== '' ? error.message : String(error));
}

/** A duration as people say it: `1 min`, `90 s`, `250 ms`. */
export function duration(ms: number): string {
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms >= 1_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms)} ms`;
}
