import { isGood } from '../support/load.js';
import { WAIT_AT_MOST_MS } from './instances.js';
import { longest, runFault, type Outcomes } from './run-fault.js';
import { COUNTINGS, type Fault } from './scene.js';
import { ALL_TENANTS, GOING_OVER, TENANTS } from './traffic.js';

const ALLOWANCE_MS = 100;
/** If a control was slower than this, something else on the machine disturbed it. */
const DISTURBED_MS = 250;
/** If an untouched Redis took this long, the machine was the cause: an instance waits one second for it. */
const SLOW_MS = 500;
const MAX_TRIES = 4;
/** The message of ioredis for a command that it could not send; it does not help. */
const WORDS_OF_THE_CLIENT = /isn't writeable|max retries per request/;

/** What is promised about requests and counts for every fault, in every counting mode. */
export function describeFaults(faults: readonly Fault[]): void {
  describe.each(faults)('$name', (fault) => {
    const { lost = [] } = fault;
    let outcomes: Outcomes;
    beforeAll(async () => void (outcomes = await runUndisturbed(fault)), 300_000);

    it(lost.length > 0 ? 'logs once per instance that a counter is refused' : 'refuses no counter', () => {
      const instances = 2 * COUNTINGS.length;
      expect(outcomes.refusals).toHaveLength(lost.length > 0 ? instances : 0);
    });

    describe.each(COUNTINGS)('%s', (counting) => {
      it('answers every request successfully', () => {
        expect(outcomes[counting].answers.filter(({ status }) => !isGood(status))).toEqual([]);
      });

      it('delays no request longer than allowed', () => {
        const allowedMs = longest(outcomes.unmonitored) + WAIT_AT_MOST_MS + ALLOWANCE_MS;
        expect(longest(outcomes[counting].answers)).toBeLessThanOrEqual(allowedMs);
      });

      it('has every request in the sums', () => {
        const { sums, answered } = outcomes[counting];
        const kept = (counts: Record<string, number>) => ALL_TENANTS.map((id) => (lost.includes(id) ? id : counts[id]));
        expect(kept(sums)).toEqual(kept(answered));
      });

      it('alerts once on each tenant that goes over', () => {
        const tenants = outcomes[counting].alerts.map(({ tenant }) => tenant.id);
        expect(tenants.sort()).toEqual([...GOING_OVER].sort());
      });

      if (fault.alone !== undefined) {
        it(fault.alone ? 'marks alerts that one instance counted alone' : 'alerts on the sum of all', () => {
          const alone = outcomes[counting].alerts.filter(({ countedBy }) => countedBy === 'instance');
          expect(alone.map(({ tenant }) => tenant.id).sort()).toEqual(fault.alone ? TENANTS.during : lost);
        });
      }

      const said = fault.saidIn.includes(counting) ? 1 : 0;
      it(said ? 'logs once that the store is away, and once that it is back' : 'logs nothing about the store', () => {
        const { said: lines, reasons } = outcomes[counting];
        const expected = [1, 2].map(() => ({ gone: said, back: said }));
        expect({ lines, reasons }).toEqual({ lines: expected, reasons: said ? reasons : [] });
      });

      if (said) {
        it('logs why it is away, in the words of the store or the network', () => {
          for (const reason of outcomes[counting].reasons) {
            expect(reason).toMatch(fault.reason ?? /./);
            expect(reason).not.toMatch(WORDS_OF_THE_CLIENT);
          }
        });
      }
    });
  });
}

/** If even unmonitored apps or an untouched Redis were slow, it was the machine, so the fault is repeated. */
async function runUndisturbed(fault: Fault): Promise<Outcomes> {
  for (let tries = 1; ; tries++) {
    const outcomes = await runFault(fault);
    const isDisturbed = longest(outcomes.unmonitored) > DISTURBED_MS || outcomes.undisturbedRedisMs > SLOW_MS;
    if (tries === MAX_TRIES || !isDisturbed) return outcomes;
  }
}
