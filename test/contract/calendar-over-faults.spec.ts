import type { RateMonitorOptions } from '../../src/index.js';
import { FourReplicas } from '../support/four-replicas.js';

const ZONE = { timeZone: 'Europe/Berlin' };
const HOUR_MS = 3_600_000;

describe('days, weeks and months of Berlin in four processes', () => {
  const options: RateMonitorOptions = {
    keyPrefix: 'calendar',
    categories: {
      llm_call: {
        windows: [
          { period: 'day', ...ZONE, threshold: 6 },
          { period: 'week', ...ZONE, threshold: 12 },
          { period: 'month', ...ZONE, threshold: 20 },
        ],
      },
    },
  };
  let replicas: FourReplicas;

  // A Saturday evening, 23:00 in Berlin; clocks are put forward in the night.
  beforeAll(async () => (replicas = await FourReplicas.start(options, '2027-03-27T22:00:00Z')));
  afterAll(() => replicas.close());

  /** Each alert so far: which window, how many hours it has, and in UTC when it began. */
  const alerted = (tenant: string): string[] =>
    replicas.alertsOf(tenant).map(({ window, windowStart, windowEnd }) => {
      const [start, end] = [windowStart, windowEnd].map((at) => new Date(at as Date)) as [Date, Date];
      return `${window} ${(end.getTime() - start.getTime()) / HOUR_MS} h from ${start.toISOString().slice(0, 16)}`;
    });
  /** At that time four requests come, one to each process. */
  const callAt = async (at: string, tenant: string): Promise<void> => {
    await replicas.moveTo(at);
    await replicas.callOnEach('llm_call', tenant);
  };

  it("follow the zone's clocks, through restarts of the store and of processes", async () => {
    const settled = (...expected: string[]): Promise<void> => replicas.settled(() => alerted('acme'), expected);
    await callAt('2027-03-27T22:00:00Z', 'acme');
    // Half past midnight: another day of the same week.
    await callAt('2027-03-27T23:30:00Z', 'acme');
    await replicas.restartStore('with its data');
    await settled();
    await callAt('2027-03-28T21:50:00Z', 'acme');
    const short = 'day 23 h from 2027-03-27T23:00';
    await settled(short);

    await replicas.restartStore('empty');
    // The short day is over, and 24 hours are not: a day and a week have begun, 16 is the month's count.
    await callAt('2027-03-28T22:10:00Z', 'acme');
    await settled(short);
    await Promise.all([replicas.replace(0, 'stop', options), replicas.replace(1, 'kill', options)]);
    await replicas.callOnEach('llm_call', 'acme');
    const monday = 'day 24 h from 2027-03-28T22:00';
    await settled(short, monday);
    await replicas.callOnEach('llm_call', 'acme');
    const march = 'month 743 h from 2027-02-28T23:00';
    await settled(short, monday, march);
    await replicas.callOnEach('llm_call', 'acme');
    const week = 'week 168 h from 2027-03-28T22:00';
    await settled(short, monday, march, week);

    // Another month in the same week, of which all know that it was alerted on.
    await callAt('2027-03-31T22:10:00Z', 'acme');
    await settled(short, monday, march, week);
  });

  it('hold in autumn and in a leap year', async () => {
    const settled = (...expected: string[]): Promise<void> => replicas.settled(() => alerted('bolt'), expected);
    await callAt('2027-10-30T22:30:00Z', 'bolt');
    await replicas.restartStore('empty');
    await replicas.replace(2, 'stop', options);
    // Half an hour before the end of a day of 25 hours, and 24 hours later.
    await callAt('2027-10-31T22:30:00Z', 'bolt');
    const long = 'day 25 h from 2027-10-30T22:00';
    await settled(long);
    // A day, a week and a month begin.
    await callAt('2027-10-31T23:10:00Z', 'bolt');
    await settled(long);

    for (const day of ['02-27', '02-28', '02-29']) {
      await callAt(`2028-${day}T12:00:00Z`, 'bolt');
      await callAt(`2028-${day}T22:30:00Z`, 'bolt');
    }
    const leap = [26, 27, 28].map((day) => `day 24 h from 2028-02-${day}T23:00`);
    // Sunday is the last day of its week, of which 8 are counted until then.
    const month = 'month 696 h from 2028-01-31T23:00';
    const week = 'week 168 h from 2028-02-27T23:00';
    await settled(long, ...leap, month, week);
    // March.
    await callAt('2028-02-29T23:10:00Z', 'bolt');
    await settled(long, ...leap, month, week);
  });
});
