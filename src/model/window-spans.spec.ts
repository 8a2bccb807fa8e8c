import fc from 'fast-check';

import { calendarSpans, fixedSpans, PERIOD_MS, SLIDING_PARTS, slidingSpans } from './window-spans.js';

const at = (text: string): number => Date.parse(text);
const HOUR_MS = 3_600_000;
const ZONES = [
  'UTC',
  'Asia/Kolkata',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'America/Havana',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Africa/Casablanca',
];

describe('calendar spans', () => {
  const hours = (period: 'day' | 'week' | 'month', zone: string, now: string): number => {
    const { start, end } = calendarSpans(period, zone)(at(now));
    return (end - start) / HOUR_MS;
  };

  it('begin at midnight of the zone', () => {
    expect(calendarSpans('day', 'Asia/Kolkata')(at('2026-11-25T18:29:59.999Z'))).toEqual({
      key: 'day:2026-11-25+05:30',
      start: at('2026-11-24T18:30:00Z'),
      end: at('2026-11-25T18:30:00Z'),
    });
    expect(calendarSpans('day', 'Asia/Kolkata')(at('2026-11-25T18:30:00Z')).key).toBe('day:2026-11-26+05:30');
    expect(calendarSpans('day', 'UTC')(at('2026-11-25T00:00:00Z')).key).toBe('day:2026-11-25');
    expect(calendarSpans('day', 'America/New_York')(at('2026-11-25T04:59:00Z')).key).toBe('day:2026-11-24-05:00');
  });

  it('of a week begin on Monday', () => {
    expect(calendarSpans('week', 'UTC')(at('2026-11-29T23:59:00Z'))).toEqual({
      key: 'week:2026-11-23',
      start: at('2026-11-23T00:00:00Z'),
      end: at('2026-11-30T00:00:00Z'),
    });
    expect(calendarSpans('week', 'UTC')(at('1970-01-01T00:00:00Z')).key).toBe('week:1969-12-29');
  });

  it('of a month are as long as that month', () => {
    expect(hours('month', 'UTC', '2028-02-10T00:00:00Z')).toBe(29 * 24);
    expect(hours('month', 'UTC', '2026-12-31T23:00:00Z')).toBe(31 * 24);
    expect(calendarSpans('month', 'Asia/Kolkata')(at('2026-11-30T18:30:00Z')).key).toBe('month:2026-12+05:30');
  });

  it.each([
    // Clocks forward and back by an hour, at night.
    ['Europe/Berlin', '2026-03-29T12:00:00Z', 23],
    ['Europe/Berlin', '2026-10-25T12:00:00Z', 25],
    // By half an hour.
    ['Australia/Lord_Howe', '2026-04-05T00:00:00Z', 24.5],
    ['Australia/Lord_Howe', '2026-10-04T00:00:00Z', 23.5],
    // Forward at midnight: the day begins at 01:00.
    ['America/Sao_Paulo', '2018-11-04T12:00:00Z', 23],
    ['America/Havana', '2026-03-08T12:00:00Z', 23],
    // Back at 01:00: midnight comes twice.
    ['America/Havana', '2026-11-01T12:00:00Z', 25],
    // Back at one minute past midnight: the evening before comes twice and counts to the new day.
    ['America/St_Johns', '2010-11-07T12:00:00Z', 25],
  ])('in %s around %s have %p hours', (zone, now, expected) => expect(hours('day', zone, now)).toBe(expected));

  it('continue if a date is skipped', () => {
    // Samoa crossed the date line: 30 December 2011 did not happen there.
    const spanAt = calendarSpans('day', 'Pacific/Apia');
    const before = spanAt(at('2011-12-30T09:59:59Z'));
    expect(before.key).toBe('day:2011-12-29-10:00');
    expect(spanAt(before.end)).toMatchObject({ key: 'day:2011-12-31+14:00', start: at('2011-12-30T10:00:00Z') });
    expect(hours('week', 'Pacific/Apia', '2011-12-29T12:00:00Z')).toBe(6 * 24);
  });

  it('contain the instant, and follow each other without gap or overlap, in any zone at any time', () => {
    const near = fc.oneof(
      fc.integer({ min: at('2005-01-01T00:00:00Z'), max: at('2035-01-01T00:00:00Z') }),
      // Within hours of days on which clocks change somewhere.
      fc
        .tuple(
          fc.constantFrom('2010-11-07', '2011-12-30', '2018-11-04', '2026-03-29', '2026-04-05', '2026-11-01'),
          fc.integer({ min: -40 * HOUR_MS, max: 40 * HOUR_MS }),
        )
        .map(([day, more]) => at(`${day}T00:00:00Z`) + more),
    );
    const periods = fc.constantFrom('day' as const, 'week' as const, 'month' as const);
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), periods, near, (zone, period, now) => {
        const spanAt = calendarSpans(period, zone);
        const span = spanAt(now);
        expect(span.start <= now && now < span.end).toBe(true);
        const [next, previous] = [spanAt(span.end), spanAt(span.start - 1)];
        expect(next.start).toBe(span.end);
        expect(previous.end).toBe(span.start);
        expect(new Set([span.key, next.key, previous.key]).size).toBe(3);
        expect(calendarSpans(period, zone)(span.end - 1)).toEqual(span);
      }),
      { numRuns: 300 },
    );
  });

  it('do not go back to the day before, if clocks set back over midnight repeat its evening', () => {
    const keys = ['02:29:59', '02:30:00', '02:31:00', '03:29:59', '03:30:00'].map(
      (time) => calendarSpans('day', 'America/St_Johns')(at(`2010-11-07T${time}Z`)).key,
    );
    expect(keys).toEqual(['day:2010-11-06-02:30', ...Array<string>(4).fill('day:2010-11-07-02:30')]);
  });

  it('are the same object while they last', () => {
    const spanAt = calendarSpans('day', 'Europe/Berlin');
    const first = spanAt(at('2026-03-29T12:00:00Z'));
    expect(spanAt(first.start)).toBe(first);
    expect(spanAt(first.end - 1)).toBe(first);
    expect(spanAt(first.end)).not.toBe(first);
  });

  it('are refused for a zone that does not exist', () =>
    expect(() => calendarSpans('day', 'Mars/Olympus')).toThrow(RangeError));
});

describe('fixed spans', () => {
  it('begin at whole multiples, under the keys of 0.1', () => {
    expect(fixedSpans(60_000)(179_999)).toEqual({ key: '2', start: 120_000, end: 180_000 });
  });

  it('of different lengths never share a key, however alike they are', () => {
    const now = at('2026-11-26T15:00:00Z');
    const lengths = Array.from({ length: 744 }, (_, i) => (i + 1) * HOUR_MS).flatMap((ms) => [ms, ms - 1, ms - 1_000]);
    expect(new Set(lengths.map((ms) => fixedSpans(ms)(now).key)).size).toBe(lengths.length);
    const rounds = [1_500, 60_000, 90_000, HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS];
    expect(rounds.map((ms) => fixedSpans(ms)(now).key)).toEqual(rounds.map((ms) => String(Math.floor(now / ms))));
  });
});

describe('sliding spans', () => {
  it('are six to a window, never span more than it, and include its last five sixths', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 86_400_000 }), fc.integer({ min: 10 ** 12, max: 2e12 }), (ms, now) => {
        const spanAt = slidingSpans(ms);
        let { start } = spanAt(now);
        for (let i = 1; i < SLIDING_PARTS; i++) ({ start } = spanAt(start - 1));
        expect(spanAt(now).start <= now && now < spanAt(now).end).toBe(true);
        // What was counted from `start` to now, both included, lies within one window.
        expect(now - start).toBeLessThan(ms);
        expect(now - start).toBeGreaterThanOrEqual(Math.floor((ms * 5) / 6));
      }),
    );
  });
});

it('the longest span of each calendar window is its nominal length', () =>
  expect(PERIOD_MS).toEqual({ day: 24 * HOUR_MS, week: 168 * HOUR_MS, month: 744 * HOUR_MS }));

it("only lengths whose numbers could clash with another's are part of the key", () => {
  const keyOf = (windowMs: number) => fixedSpans(windowMs)(0).key;
  const lengths = [1_200_000, 1_200_001, 1_210_000, 24 * HOUR_MS, 25 * HOUR_MS, 48 * HOUR_MS];
  expect(lengths.map(keyOf)).toEqual(['0', '1200001:0', '0', '0', '90000000:0', '0']);
});
