import { asked, notByKey } from '../../test/support/counted.js';
import type { Category, CategoryWindow } from '../model/category.js';
import { tenantKey } from '../model/tenant.js';
import { WarnOnce } from '../util/warn-once.js';
import { effectiveLevels, shownThreshold } from './effective-levels.js';
import type { KeptOverride } from './kept-override.js';
import { levelsFor, levelsOf, NO_LEVELS } from './levels.js';
import { OverrideIndex } from './override-index.js';

const steps = [{ at: 1, severity: 'warning' as const }];
const [OPTIONS, EXACT, BROAD] = [levelsOf(10, steps), levelsOf(20, steps), levelsOf(30, steps)];

describe('the threshold of a tenant', () => {
  let exact: Map<string, number>;
  let broad: Map<string, number>;
  let version: number;
  let warnings: string[];
  const window = { name: 'minute', levels: steps, threshold: 10 } as unknown as CategoryWindow;
  const category = (exempt?: (tenant: { id: string }) => unknown): Category =>
    ({ name: 'llm_call', exempt }) as unknown as Category;
  const key = (...of: string[]): string => of.join('/');
  const overrides = {
    exactly: (...of: [string, string, string]) => exact.get(key(...of)),
    broadly: (...of: [string, string, string]) => broad.get(key(...of)),
    get version() {
      return version;
    },
  };
  const levels = (
    exempt?: (tenant: { id: string }) => unknown,
    ofOptions = levelsFor({ threshold: 10, levels: steps }, asked()),
  ) =>
    effectiveLevels(
      category(exempt),
      window,
      ofOptions,
      overrides,
      new WarnOnce({ warn: (line: string) => warnings.push(line) }),
    );
  const setExactly = (): unknown => exact.set('llm_call/minute/acme', 20);
  const setBroadly = (): unknown => broad.set('llm_call/minute/acme', 30);

  beforeEach(() => {
    [exact, broad, version, warnings] = [new Map(), new Map(), 0, []];
  });

  it('is the most specific one set at run time, else that of the options', () => {
    const of = levels();
    const both = (id: string) => [of({ id }), of.byKey(id, undefined)];
    expect(both('acme')).toEqual([OPTIONS, OPTIONS]);
    setBroadly();
    expect(both('acme')).toEqual([BROAD, BROAD]);
    setExactly();
    expect(both('acme')).toEqual([EXACT, EXACT]);
    expect(both('other')).toEqual([OPTIONS, OPTIONS]);
  });

  it('is not that of a tenant whose key looks like its id', () => {
    const long = 'k'.repeat(200);
    const index = new OverrideIndex([
      { category: 'llm_call', window: 'minute', tenant: long, threshold: 20 } as KeptOverride,
    ]);
    const real = jest.spyOn(overrides, 'exactly').mockImplementation((...of) => index.exactly(...of));
    const of = levels();
    const both = (id: string) => [of({ id }), of.byKey(tenantKey(id), undefined)];
    expect(both(long)).toEqual([EXACT, EXACT]);
    expect(both(tenantKey(long))).toEqual([OPTIONS, OPTIONS]);
    real.mockRestore();
  });

  it('is the answer of a threshold function, synchronous or not', async () => {
    const later = levels(
      undefined,
      notByKey(() => Promise.resolve(OPTIONS)),
    );
    await expect(later({ id: 'acme' })).resolves.toBe(OPTIONS);
    expect(later.byKey('acme', undefined)).toBeUndefined();
    const bare = levels(
      undefined,
      notByKey(() => OPTIONS),
    );
    expect([bare.byKey('acme', undefined), bare.version]).toEqual([undefined, 0]);
  });

  it('has a new version after each change', () => {
    let asked = 1;
    const ofOptions = Object.defineProperty(
      notByKey(() => OPTIONS),
      'version',
      { get: () => asked },
    );
    const of = levels(undefined, ofOptions);
    expect(of.version).toBe(1);
    version = 4;
    expect(of.version).toBe(5);
    asked = 2;
    expect(of.version).toBe(6);
  });

  describe('if some are exempt', () => {
    const ours = ({ id }: { id: string }): boolean => id === 'acme';

    it('is none for those, unless one was set for exactly that tenant', () => {
      const of = levels(ours);
      setBroadly();
      expect([of({ id: 'acme' }), of({ id: 'other' })]).toEqual([NO_LEVELS, OPTIONS]);
      setExactly();
      expect(of({ id: 'acme' })).toEqual(EXACT);
    });

    it('is known without the tenant itself if it was known before', () => {
      const of = levels(ours);
      expect(of.byKey('acme', undefined)).toBeUndefined();
      expect(of.byKey('acme', NO_LEVELS)).toBe(NO_LEVELS);
      expect(of.byKey('other', OPTIONS)).toEqual(OPTIONS);
      setBroadly();
      expect(of.byKey('acme', OPTIONS)).toEqual(BROAD);
      expect(of.byKey('acme', NO_LEVELS)).toBe(NO_LEVELS);
    });

    it.each([
      ['with a request', true, NO_LEVELS],
      ['without one', false, NO_LEVELS],
    ])('is none again once the one set for exactly that tenant is removed: set %s', (_, isAsked, after) => {
      const of = levels(ours);
      setExactly();
      const set = isAsked ? of({ id: 'acme' }) : of.byKey('acme', NO_LEVELS);
      expect(set).toEqual(EXACT);
      exact.clear();
      setBroadly();
      expect(of.byKey('acme', set as typeof EXACT)).toBe(after);
      expect(of({ id: 'acme' })).toBe(after);
    });

    it.each([
      ['with a request', true],
      ['without one', false],
    ])('is that of the others again for one that is not exempt: set %s', (_, isAsked) => {
      const of = levels(() => false);
      setExactly();
      const set = isAsked ? of({ id: 'acme' }) : of.byKey('acme', OPTIONS);
      exact.clear();
      expect(of.byKey('acme', set as typeof EXACT)).toEqual(OPTIONS);
    });

    it('is determined at the next request if nobody knows whether the tenant is exempt', () => {
      const of = levels(ours);
      setExactly();
      const set = of.byKey('acme', undefined);
      expect(set).toEqual(EXACT);
      exact.clear();
      expect(of.byKey('acme', set)).toBeUndefined();
    });

    it('ignores `exempt` if that fails or returns no boolean, and each fault is logged once', () => {
      const answers: unknown[] = ['yes', 1, 1, Promise.resolve(true), 'no'];
      const of = levels(() => {
        if (answers.length === 0) throw new Error('no plan\nfound');
        return answers.shift();
      });
      for (let i = 0; i < 7; i++) expect(of({ id: 'acme' })).toEqual(OPTIONS);
      expect(warnings).toEqual([
        'exempt returned a string for tenant acme of llm_call instead of true or false: it is treated as not exempt',
        'exempt returned a number for tenant acme of llm_call instead of true or false: it is treated as not exempt',
        'exempt threw for tenant acme of llm_call (it returned a promise, but must be synchronous): it is treated as not exempt',
        'exempt threw for tenant acme of llm_call (no plan found): it is treated as not exempt',
      ]);
    });

    it.each([true, false, undefined, null])('logs a fault again that returns after it gave %s', (good) => {
      jest.useFakeTimers();
      let answer: unknown = 'yes';
      const of = levels(() => answer);
      for (const next of ['yes', good, 'yes']) {
        answer = next;
        void of({ id: 'acme' });
        jest.advanceTimersByTime(60_000);
      }
      expect(warnings).toEqual(Array(2).fill(expect.stringContaining('exempt returned a string')));
      jest.useRealTimers();
    });

    it('is not logged if nobody is exempt', () => {
      void levels()({ id: 'acme' });
      setExactly();
      void levels()({ id: 'acme' });
      expect(warnings).toEqual([]);
    });
  });

  describe('that is shown', () => {
    const shown = (exempt?: () => boolean, seen?: number, id: string | undefined = 'acme', threshold: unknown = 10) =>
      shownThreshold(category(exempt), { ...window, threshold } as CategoryWindow, overrides, id, seen);

    it('is the most specific one set at run time, else that of the options', () => {
      expect(shown()).toBe(10);
      setBroadly();
      expect(shown()).toBe(30);
      setExactly();
      expect([shown(), shown(undefined, 7), shown(() => true, Infinity)]).toEqual([20, 20, 20]);
    });

    it('is the one that the tenant was compared with, if only a function knows it', () => {
      const ask = (): number => 10;
      expect([shown(undefined, 7, 'acme', ask), shown(undefined, undefined, 'acme', ask)]).toEqual([7, undefined]);
      expect(shown(undefined, 7)).toBe(10);
    });

    it('is none for a tenant that turned out to be exempt', () => {
      setBroadly();
      expect(shown(() => true, Infinity)).toBe(Infinity);
      expect(shown(() => true, 30)).toBe(30);
      expect(shown(undefined, Infinity)).toBe(30);
    });

    it('is the shared one if no tenant is named', () => {
      broad.set('llm_call/minute/', 40);
      expect(shownThreshold(category(), window, overrides)).toBe(40);
    });
  });
});
