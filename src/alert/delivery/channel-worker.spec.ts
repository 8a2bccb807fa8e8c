import { setTimeout as wait } from 'node:timers/promises';

import type { Logger } from '@nestjs/common';

import { MemoryLogger } from '../../../test/support/memory-logger.js';
import { Sent } from '../../../test/unit/outgoing.js';
import { until } from '../../../test/support/until.js';
import type { AlertChannel } from '../../model/alert-channel.js';
import { ChannelLog } from './channel-log.js';
import { ChannelWorker } from './channel-worker.js';
import { DeliveryError } from '../../model/delivery-error.js';

const GROUP_WAIT_MS = 60;

describe('ChannelWorker', () => {
  let log: MemoryLogger;
  let send: jest.Mock<Promise<void>, []>;

  const working = (more: Partial<AlertChannel> = {}): ChannelWorker => {
    const named = { channel: { name: 'chat', send, ...more }, name: 'chat', option: 'channels[0]' };
    return new ChannelWorker(named.channel, GROUP_WAIT_MS, new ChannelLog(named, log as unknown as Logger));
  };
  const pushed = (worker: ChannelWorker, count: number): Sent[] =>
    Array.from({ length: count }, (_, i) => {
      const sent = new Sent({ count: i });
      worker.push(sent);
      return sent;
    });
  const hangs = (): Promise<void> => new Promise(() => undefined);
  const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    jest.useFakeTimers();
    log = new MemoryLogger();
    send = jest.fn(() => Promise.resolve());
  });
  afterEach(() => jest.useRealTimers());

  it('waits for others from when the first came, and sends them as one message', async () => {
    // Jest leaves the promises of node:timers as they are.
    jest.useRealTimers();
    const batches: number[] = [];
    const worker = working({ sendBatch: (alerts) => void batches.push(alerts.length) });
    const [first] = pushed(worker, 1);
    await wait(20);
    pushed(worker, 1);
    await until(() => batches.length > 0);
    expect(performance.now() - (first?.queuedAt ?? 0)).toBeGreaterThan(GROUP_WAIT_MS - 5);
    expect(batches).toEqual([2]);
  });

  it('does not wait for others when the process ends', async () => {
    const worker = working({ sendBatch: () => undefined });
    const [sent] = pushed(worker, 1);
    await worker.stop(100);
    expect(sent?.last).toEqual({ status: 'delivered', attempts: 1 });
    expect(log.lines).toEqual([]);
  });

  it('says once that its queue is full, and in the end how many it dropped', async () => {
    let answer = (): void => undefined;
    send.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    const worker = working();
    const [, second] = pushed(worker, 1_004);
    expect(log.lines).toEqual([
      'warn : The chat channel has 1000 alerts waiting: for each further one the least urgent is dropped',
    ]);
    expect(second?.last).toEqual({ status: 'failed', attempts: 0, reason: 'too many were waiting' });
    await pass(0);
    answer();
    await worker.stop(10_000);
    expect(log.lines.slice(1)).toEqual(['warn : The chat channel dropped 3 alerts: too many were waiting']);
    expect(send).toHaveBeenCalledTimes(1_001);
  });

  it('says how many it dropped where the process ends first', async () => {
    send.mockImplementation(hangs);
    const worker = working();
    pushed(worker, 1_002);
    const stopping = worker.stop(100);
    await pass(100);
    await stopping;
    expect(log.lines.slice(1)).toEqual([
      'warn : The chat channel dropped 1 alerts: too many were waiting',
      'warn : The chat channel did not send 1001 alerts: the process ended first',
    ]);
  });

  it('gives up after the last try, and says so', async () => {
    send.mockRejectedValue(new Error('answered 500'));
    const [sent] = pushed(working(), 1);
    await pass(10 * 60_000);
    expect(send).toHaveBeenCalledTimes(14);
    expect(sent?.last).toEqual({ status: 'failed', attempts: 14, reason: 'answered 500' });
    expect(log.lines).toEqual([
      'warn : The chat channel could not send an alert of llm_call (answered 500): it is tried again',
      'error : The chat channel gave up an alert of llm_call (answered 500), tries: 14',
    ]);
  });

  it('tries again what has had no answer for ten seconds', async () => {
    send.mockImplementationOnce(hangs);
    const [sent] = pushed(working(), 1);
    await pass(11_000);
    expect(sent?.deliveries.map(({ status }) => status)).toEqual(['retried', 'delivered']);
  });

  it('sends nothing after it was switched off, and says once what to mend', async () => {
    send.mockRejectedValue(new DeliveryError('answered 404', { retry: false, switchOff: true }));
    const worker = working();
    const before = pushed(worker, 2);
    await pass(0);
    const after = pushed(worker, 1);
    expect(send).toHaveBeenCalledTimes(1);
    expect([...before, ...after].map(({ last }) => last)).toEqual([
      { status: 'failed', attempts: 1, reason: 'answered 404' },
      { status: 'failed', attempts: 0, reason: 'switched off: answered 404' },
      { status: 'failed', attempts: 0, reason: 'switched off: answered 404' },
    ]);
    expect(log.lines).toEqual([
      'error : The chat channel is off (answered 404): mend channels[0], and start the app anew',
    ]);
  });

  it('stops within its time, and says what became of each that was not sent', async () => {
    send.mockImplementation(hangs);
    const worker = working({ sendBatch: hangs, batchSize: 1 });
    const sent = pushed(worker, 3);
    const stopping = worker.stop(200);
    await pass(200);
    await stopping;
    expect(log.lines).toEqual(['warn : The chat channel did not send 3 alerts: the process ended first']);
    expect(sent.map(({ last }) => last?.attempts).sort()).toEqual([0, 0, 1]);
    expect(new Set(sent.map(({ last }) => last?.reason))).toEqual(new Set(['the process ended']));
    await pass(60_000);
    expect(sent.map(({ deliveries }) => deliveries.length)).toEqual([1, 1, 1]);
  });

  it('has a channel send what it only handed on, in the time that is left', async () => {
    send.mockImplementationOnce(() => new Promise((resolve) => setTimeout(resolve, 50)));
    const flush = jest.fn(() => Promise.resolve(true));
    const worker = working({ flush });
    pushed(worker, 1);
    const stopping = worker.stop(200);
    await pass(50);
    await stopping;
    expect(flush.mock.calls).toEqual([[150]]);
    expect(log.lines).toEqual([]);
  });

  it.each<[string, () => Promise<boolean>]>([
    ['cannot', () => Promise.resolve(false)],
    ['throws', () => Promise.reject(new Error('away'))],
    ['does not end', () => new Promise(() => undefined)],
  ])('says where a channel %s send that in time', async (_, flush) => {
    const stopping = working({ flush }).stop(200);
    await pass(200);
    await stopping;
    expect(log.lines).toEqual(['warn : The chat channel may not have sent its last alerts: the process ended first']);
  });

  it('sends what is pushed just when it has nothing left to do', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const worker = working();
      pushed(worker, 1);
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const [sent] = pushed(worker, 1);
      await pass(0);
      expect([turns, sent?.last?.status]).toEqual([turns, 'delivered']);
    }
  });
});
