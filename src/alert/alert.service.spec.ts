import { Logger } from '@nestjs/common';

import { anAlert } from '../../test/support/alerts.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { AlertService } from './alert.service.js';

const MINUTE_MS = 60_000;
const FLUSH_MS = 500;

/** State that answers when a test says so. */
class SlowState extends MemorySharedState {
  answers: Promise<void> | undefined;
  listed = 0;
  losesReplies = false;
  isClaimed = false;

  override async list(kind: string): Promise<Map<string, string>> {
    this.listed++;
    await this.answers;
    return super.list(kind);
  }

  override async read(...args: Parameters<MemorySharedState['read']>): ReturnType<MemorySharedState['read']> {
    await this.answers;
    return super.read(...args);
  }

  override async swap(...args: Parameters<MemorySharedState['swap']>): ReturnType<MemorySharedState['swap']> {
    const swapped = await super.swap(...args);
    if (this.losesReplies && args[3] === undefined) throw new Error('Command timed out');
    return swapped;
  }

  override claim(): Promise<boolean> {
    return Promise.resolve(!this.isClaimed);
  }

  override async append(...args: Parameters<MemorySharedState['append']>): Promise<void> {
    await this.answers;
    return super.append(...args);
  }
}

describe('AlertService, where the store is slow', () => {
  let state: SlowState;
  let now: number;
  let statuses: (string | undefined)[];
  let alerts: AlertService;
  let warn: jest.SpyInstance;
  const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

  beforeEach(async () => {
    jest.useFakeTimers();
    warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    state = new SlowState();
    now = anAlert().windowStart.getTime();
    statuses = [];
    const channel = {
      name: 'chat',
      send: ({ incident }: ReturnType<typeof anAlert>) => void statuses.push(incident?.status),
    };
    alerts = new AlertService();
    await alerts.start({
      channels: [{ channel, name: 'chat', option: 'channels[0]' }],
      groupWaitMs: 0,
      shutdownFlushMs: FLUSH_MS,
      incidents: { remindAfterMs: 30 * MINUTE_MS, resolveAfterMs: undefined },
      state,
      now: () => now,
      countOf: () => Promise.resolve(20),
    });
    alerts.raise(anAlert());
    await pass(0);
    now += 10 * MINUTE_MS;
  });
  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('tells, before it stops, of an incident that it is just closing', async () => {
    let answer = (): void => undefined;
    await pass(900);
    state.answers = new Promise((resolve) => (answer = resolve));
    await pass(100);
    const stopping = alerts.stop();
    answer();
    await stopping;
    expect(statuses).toEqual(['opened', 'resolved']);
  });

  it('tells of an incident that was closed by a command whose reply was lost, whoever looks next', async () => {
    state.losesReplies = true;
    await pass(1_000);
    expect(await state.list('incidents')).toEqual(new Map());
    expect(statuses).toEqual(['opened']);
    state.losesReplies = false;
    state.isClaimed = true;
    await pass(1_000);
    expect(statuses).toEqual(['opened', 'resolved']);
    await pass(10_000);
    expect(statuses).toEqual(['opened', 'resolved']);
    await alerts.stop();
  });

  it('looks no more often than the store answers', async () => {
    await pass(100);
    state.answers = new Promise(() => undefined);
    await pass(10_000);
    expect(state.listed).toBeLessThanOrEqual(1);
    const stopping = alerts.stop();
    await pass(FLUSH_MS + 1_000);
    await stopping;
  });

  it('waits for its first look at the mutes half a second at most, and says nothing where that fails', async () => {
    state.answers = new Promise(() => undefined);
    let looked = false;
    const looking = alerts.lookAtMutes().then(() => (looked = true));
    await pass(499);
    expect(looked).toBe(false);
    await pass(1);
    await looking;
    state.answers = Promise.reject(new Error('away'));
    await alerts.lookAtMutes();
    expect(warn).not.toHaveBeenCalled();
    const stopping = alerts.stop();
    await pass(FLUSH_MS + 1_000);
    await stopping;
  });

  it('stops in its time, and says what it could not send, where the store never answers', async () => {
    state.answers = new Promise(() => undefined);
    alerts.raise(anAlert({ tenant: { id: 'other' } }));
    let stopped = false;
    const stopping = alerts.stop().then(() => (stopped = true));
    await pass(FLUSH_MS + 1_000);
    expect(stopped).toBe(true);
    await stopping;
    expect(warn.mock.calls).toEqual([['Not sent, since the store has not answered in time: 1 alerts']]);
  });
});
