const MAX_LETTERS = 2;

/** The one of `names` that was probably meant: it begins with what was written, or differs by two letters at most. */
export function meantName(written: string, names: Iterable<string>): string | undefined {
  const [given, ...rest] = [written, ...names].map((name) => ({ name, letters: name.toLowerCase() }));
  if (!given || written.length < 4) return undefined;
  const begins = rest.find(({ letters }) => letters.startsWith(given.letters));
  return (begins ?? rest.find(({ letters }) => differing(given.letters, letters) <= MAX_LETTERS))?.name;
}

/** How many letters must be added, left out or replaced to make one of the other. */
function differing(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > MAX_LETTERS) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const [aside, above, beside] = [row[j], row[j + 1], next[j]] as [number, number, number];
      next.push(Math.min(aside + (a[i] === b[j] ? 0 : 1), above + 1, beside + 1));
    }
    row = next;
  }
  return row.at(-1) ?? Infinity;
}
