import { MemorySharedState } from '../../store/memory/memory-shared-state.js';
import { Leases } from './leases.js';

const chat = { key: 'chat#', isGrouped: true };
const log = { key: 'log#', isGrouped: false };

let state: MemorySharedState;
let isAway: boolean;
let asked: jest.SpyInstance;

const leasesOf = (me: string, scope = 'app'): Leases => new Leases(state, scope, me, () => isAway);

beforeEach(() => {
  jest.useFakeTimers();
  state = new MemorySharedState();
  isAway = false;
  asked = jest.spyOn(state, 'claim');
});
afterEach(() => jest.useRealTimers());

describe('the lease of a channel that groups alerts', () => {
  it('is held by one replica, also if the process has just started, and by another once that stops', async () => {
    const [one, other] = [leasesOf('one'), leasesOf('other')];
    for (const leases of [one, other]) await leases.claim(chat);
    expect([one.holds(chat), other.holds(chat)]).toEqual([true, false]);
    jest.advanceTimersByTime(5_000);
    for (const leases of [other, one]) await leases.claim(chat);
    expect([one.holds(chat), other.holds(chat)]).toEqual([false, true]);
  });

  it('counts as over a moment before the store ends it, so that two never send at once', async () => {
    const one = leasesOf('one');
    await one.claim(chat);
    jest.advanceTimersByTime(4_749);
    expect(one.holds(chat)).toBe(true);
    jest.advanceTimersByTime(1);
    expect(one.holds(chat)).toBe(false);
  });

  it('is extended once about half of it is over', async () => {
    const one = leasesOf('one');
    await one.claim(chat);
    jest.advanceTimersByTime(2_249);
    await one.claim(chat);
    expect(asked).toHaveBeenCalledTimes(1);
    jest.advanceTimersByTime(1);
    await one.claim(chat);
    expect(asked).toHaveBeenCalledTimes(2);
    jest.advanceTimersByTime(4_000);
    expect(one.holds(chat)).toBe(true);
  });

  it('is asked for four times a second at most while another replica holds it', async () => {
    const [one, other] = [leasesOf('one'), leasesOf('other')];
    for (const leases of [one, other]) await leases.claim(chat);
    asked.mockClear();
    await other.claim(chat);
    jest.advanceTimersByTime(249);
    await other.claim(chat);
    expect(asked).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    await Promise.all([other.claim(chat), other.claim(chat)]);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is its own for each channel, service and environment', async () => {
    const mail = { ...chat, key: 'mail#' };
    const [one, other, elsewhere] = [leasesOf('one'), leasesOf('other'), leasesOf('elsewhere', 'staging')];
    await one.claim(chat);
    await other.claim(mail);
    await elsewhere.claim(chat);
    expect([one.holds(mail), other.holds(mail), elsewhere.holds(chat)]).toEqual([false, true, true]);
  });

  it('is not needed while the store is away', async () => {
    const [one, other] = [leasesOf('one'), leasesOf('other')];
    await one.claim(chat);
    isAway = true;
    await other.claim(chat);
    expect(other.holds(chat)).toBe(true);
    expect(asked).toHaveBeenCalledTimes(1);
    isAway = false;
    expect(other.holds(chat)).toBe(false);
  });

  it('counts as held if the store refuses it, with an error until it no longer does', async () => {
    const one = leasesOf('one');
    asked.mockRejectedValueOnce(new Error('WRONGTYPE'));
    await one.claim(chat);
    expect(one.holds(chat)).toBe(true);
    expect(() => one.throwIfRefused()).toThrow('WRONGTYPE');
    jest.advanceTimersByTime(2_500);
    await one.claim(chat);
    expect(() => one.throwIfRefused()).not.toThrow();
  });
});

it('a channel that takes alerts one by one needs no lease', async () => {
  const one = leasesOf('one');
  await one.claim(log);
  expect(one.holds(log)).toBe(true);
  expect(asked).not.toHaveBeenCalled();
});

it('one replica looks at due records, and another 2.5 s after that stopped', async () => {
  const [one, other, elsewhere] = [leasesOf('one'), leasesOf('other'), leasesOf('elsewhere', 'staging')];
  expect(await Promise.all([one, other, elsewhere].map((leases) => leases.leads()))).toEqual([true, false, true]);
  jest.advanceTimersByTime(2_499);
  expect(await other.leads()).toBe(false);
  jest.advanceTimersByTime(1);
  expect([await other.leads(), await one.leads()]).toEqual([true, false]);
});

it('what one replica releases, another gets at once', async () => {
  const [one, other, third] = [leasesOf('one'), leasesOf('other'), leasesOf('third')];
  await one.claim(chat);
  await one.leads();
  await third.release();
  await other.claim(chat);
  expect([other.holds(chat), await other.leads()]).toEqual([false, false]);
  await one.release();
  jest.advanceTimersByTime(250);
  await other.claim(chat);
  expect([other.holds(chat), await other.leads()]).toEqual([true, true]);
});
