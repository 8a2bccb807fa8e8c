import type { CountedCategory } from '../model/window.js';
import type { TenantLike } from '../model/tenant.js';
import { WarnOnce } from '../util/warn-once.js';
import { CheckedInput, countedCost } from './checked-input.js';

const MINUTE_MS = 60_000;

describe('CheckedInput', () => {
  const category = (name: string): CountedCategory => ({ name, maxCost: 100, windows: [] });
  const [calls, tokens] = [category('calls'), category('tokens')];
  let lines: string[];
  let input: CheckedInput;

  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    const categories = new Map([calls, tokens].map((each) => [each.name, each]));
    input = new CheckedInput(categories, new WarnOnce({ warn: (line: string) => lines.push(line) }));
  });
  afterEach(() => jest.useRealTimers());

  describe('of a category', () => {
    it('returns the configured category of that name', () => {
      for (const each of [calls, calls, tokens, calls]) expect(input.category(each.name)).toBe(each);
      expect(lines).toEqual([]);
    });

    it.each([
      ['cals', "'cals'"],
      [`x\n${'x'.repeat(50)}`, `'x ${'x'.repeat(37)}…'`],
      ['sk_test_0123456789abcdef', "'sk_… (24 characters)'"],
      ['redis://:hunter2@db', "'(an address)'"],
      [7 as unknown as string, 'a number'],
      [undefined as unknown as string, 'undefined'],
    ])('returns nothing for an unknown name, which is logged once: %p', (name, shown) => {
      for (let i = 0; i < 2; i++) expect(input.category(name)).toBeUndefined();
      expect(input.category('calls')).toBe(calls);
      expect(lines).toEqual([
        `Nothing is counted for ${shown}, which is not a category: write one of calls, tokens, or add it to categories`,
      ]);
    });
  });

  describe('of a tenant', () => {
    const line = (unread = ''): string =>
      `Nothing is counted for a tenant that is neither an id (string or number) nor an object with one${unread}: pass its id, or { id, name }`;

    it('reads an id, or an object with one', () => {
      expect(input.tenant(7)).toEqual({ id: '7' });
      expect(input.tenant({ id: 'acme', name: 'Acme' })).toEqual({ id: 'acme', name: 'Acme' });
      expect(lines).toEqual([]);
    });

    it('returns nothing if there is none or it cannot be read, each of which is logged once', () => {
      const unreadable = {
        get id(): string {
          throw new Error('no session');
        },
      };
      for (const none of ['', {}, unreadable, null, unreadable])
        expect(input.tenant(none as TenantLike)).toBeUndefined();
      expect(lines).toEqual([line(), line(' (no session)')]);
    });

    it.each(['name', 'attributes'])('has its id alone if its %s cannot be read, which is logged once', (field) => {
      const tenant = Object.defineProperty({ id: 7, name: 'Acme' }, field, {
        get: () => {
          throw new Error('no session');
        },
      });
      for (let i = 0; i < 2; i++) expect(input.tenant(tenant)).toEqual({ id: '7' });
      expect(lines).toEqual(['The name or attributes of a tenant threw (no session): it counts by its id alone']);
    });
  });

  describe('of a cost', () => {
    it('accepts any number from 0 to the maximum', () => {
      for (const cost of [0, 0.5, 1, 100]) expect(input.cost(calls, cost)).toBe(cost);
      expect(lines).toEqual([]);
    });

    it.each([101, Infinity])('counts %p as the maximum, which is logged', (cost) => {
      expect(input.cost(calls, cost)).toBe(100);
      expect(lines).toEqual([`A cost in calls was ${cost}: it counts as 100 (maxCost)`]);
    });

    it.each<[unknown, unknown]>([
      [-1, -1],
      [NaN, NaN],
      ['5', 'a string'],
      ['500', 'a string'],
      [undefined, 'undefined'],
      [{}, 'an object'],
    ])('counts %p as 1, which is logged', (cost, shown) => {
      expect(input.cost(calls, cost as number)).toBe(1);
      expect(lines).toEqual([`A cost in calls was ${String(shown)}: it counts as 1. Use a number, 0 to 100`]);
    });

    it.each([
      ['too high', 101],
      ['none', -1],
    ])('logs that one is %s once per category, and again if that recurs after a good one', (_what, cost) => {
      const said = (of: CountedCategory, given = cost): number => {
        input.cost(of, given);
        return lines.splice(0).length;
      };
      expect([said(calls), said(calls), said(tokens), said(calls)]).toEqual([1, 0, 1, 0]);
      jest.advanceTimersByTime(MINUTE_MS);
      expect([said(tokens, 1), said(calls)]).toEqual([0, 0]);
      expect([said(calls, 1), said(calls)]).toEqual([0, 1]);
    });
  });
});

it.each<[unknown, number]>([
  [0, 0],
  [2.5, 2.5],
  [10, 10],
  [11, 10],
  [-1, 1],
  [NaN, 1],
  ['5', 1],
])('a cost of %p counts as %p if 10 is the maximum', (cost, counts) => expect(countedCost(cost, 10)).toBe(counts));
