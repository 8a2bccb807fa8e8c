import { isDone, pass, useFakeTimers, useRealTimers } from '../../test/support/fake-timers.js';
import { MemoryLogger } from '../../test/support/memory-logger.js';
import { timers } from '../../test/support/timers.js';
import type { AlertChannel } from '../model/alert-channel.js';
import { DeliveryError } from '../model/delivery-error.js';
import type { Notice } from '../model/notice.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { Notices, type NewNotice, type NoticeSettings } from './notices.js';

const NOW = Date.parse('2026-01-01T12:00:00Z');

describe('sending notices', () => {
  const given: NewNotice = { id: 'x', kind: 'digest', severity: 'info', title: 'Title', lines: [] };
  let log: MemoryLogger;
  const notices = (channels: readonly AlertChannel[], more: Partial<NoticeSettings> = {}): Notices => {
    const about = { service: 'api', environment: undefined, publicUrl: 'https://a.example/', shutdownFlushMs: 100 };
    const named = channels.map((channel) => ({ channel, name: channel.name, option: 'channels[0]' }));
    const state = new MemorySharedState();
    return new Notices({ ...about, channels: named, state, now: () => NOW, ...more }, log);
  };
  const own = (name: string, notify: AlertChannel['notify'], more: Partial<AlertChannel> = {}): AlertChannel => ({
    name,
    send: () => undefined,
    ...(notify ? { notify } : {}),
    ...more,
  });
  /** What `work` has come to by now. */
  const by = async <T>(work: Promise<T>): Promise<T | 'pending'> => {
    let outcome: T | 'pending' = 'pending';
    void work.then((value) => (outcome = value));
    await pass(0);
    return outcome;
  };

  beforeEach(() => {
    useFakeTimers();
    log = new MemoryLogger();
  });
  afterEach(useRealTimers);

  it('sends to each channel that takes notices, retries, and reports failures', async () => {
    const heard: string[] = [];
    let tries = 0;
    const all = notices(
      [
        own('good', ({ title, service, link }) => void heard.push(`${title} ${service} ${link}`)),
        own('flaky', () => {
          if (++tries < 3) throw new Error('busy');
        }),
        own('broken', () => Promise.reject(new Error('never'))),
        own('refusing', () => Promise.reject(new DeliveryError('no such hook', { retry: false }))),
        own('deaf', undefined),
        own('serious', () => void heard.push('serious'), { minSeverity: 'warning' }),
      ],
      { retryAfterMs: [1, 1] },
    );
    const sending = all.send(given);
    await pass(10);
    expect(await by(sending)).toEqual([
      { channel: 'good', delivered: true },
      { channel: 'flaky', delivered: true },
      { channel: 'broken', delivered: false, reason: 'never' },
      { channel: 'refusing', delivered: false, reason: 'no such hook' },
    ]);
    expect([heard, tries]).toEqual([['Title api https://a.example/'], 3]);
    expect(log.lines).toEqual([
      'warn : The flaky channel could not send a notice (busy): it will be retried',
      'warn : The broken channel could not send a notice (never): it will be retried',
      'error : The refusing channel did not send a notice (no such hook): Title',
      'error : The broken channel did not send a notice (never): Title',
    ]);
  });

  it('sends a notice about a category only to channels of that category', async () => {
    const all = notices([
      own('its own', () => undefined, { categories: ['llm_call'] }),
      own('another', () => undefined, { categories: ['evaluations'] }),
    ]);
    const of = async (category?: string) => (await all.send({ ...given, category })).map(({ channel }) => channel);
    expect([await of('llm_call'), await of()]).toEqual([['its own'], ['its own', 'another']]);
  });

  it("uses the store's time, and gives each channel a copy: a custom channel may change it", async () => {
    const heard: Notice[] = [];
    const change = () => ({ category: 'llm_call', at: new Date(NOW), by: 'dana', reason: 'import', to: 7 });
    const of = { ...given, lines: ['line'] };
    const spoils = own('spoils', (notice) => {
      (notice.lines as string[]).push('spoilt');
      Object.assign(notice, { title: 'spoilt' });
      Object.assign(notice.change ?? {}, { to: 8 });
    });
    const all = notices([spoils, own('good', (notice) => void heard.push(notice))]);
    await all.send({ ...of, change: change() });
    await all.send(of);
    const common = {
      ...given,
      lines: ['line'],
      service: 'api',
      environment: undefined,
      link: 'https://a.example/',
      at: new Date(NOW),
    };
    expect(heard).toEqual([{ ...common, change: change() }, common]);
    expect(heard[1]).not.toHaveProperty('change');
  });

  it('retries after 1, 5 and 20 s, or later if the channel asks for it, but after half a minute at the latest', async () => {
    for (const [asked, seconds] of [
      [undefined, [0, 1, 6, 26]],
      [4_000, [0, 4, 9, 29]],
      [3_600_000, [0, 30, 60, 90]],
    ] as const) {
      const tries: number[] = [];
      const since = performance.now();
      const busy = own('busy', () => {
        tries.push(Math.round((performance.now() - since) / 1_000));
        throw new DeliveryError('answered 429', { retry: true, retryAfterMs: asked });
      });
      const sending = notices([busy]).send(given);
      await pass(100_000);
      expect(tries).toEqual(seconds);
      expect(await by(sending)).toEqual([{ channel: 'busy', delivered: false, reason: 'answered 429' }]);
    }
  });

  it('fails if a channel does not answer', async () => {
    const sending = notices([own('hanging', () => new Promise(() => undefined))], { retryAfterMs: [] }).send(given);
    await pass(99_999);
    expect(await by(sending)).toBe('pending');
    await pass(1);
    expect(await by(sending)).toEqual([{ channel: 'hanging', delivered: false, reason: 'no answer within 100 s' }]);
    expect(log.lines).toEqual(['error : The hanging channel did not send a notice (no answer within 100 s): Title']);
  });

  it('keeps no process alive for an answer or a retry', async () => {
    useRealTimers();
    const before = timers();
    const hanging = own('hanging', () => new Promise(() => undefined));
    const busy = own('busy', () => Promise.reject(new Error('busy')));
    const all = notices([hanging, busy], { shutdownFlushMs: 0 });
    void all.send(given);
    await new Promise(setImmediate);
    expect([log.lines.length, timers()]).toEqual([1, before]);
    await all.stop();
  });

  describe('that one replica sends for all', () => {
    let state: MemorySharedState;
    let heard: string[];
    const replica = (more: Partial<NoticeSettings> = {}) =>
      notices([own('good', ({ id }) => void heard.push(id))], { state, ...more });
    const make = (id: string) => () => Promise.resolve({ ...given, id });
    beforeEach(() => ([state, heard] = [new MemorySharedState(), []]));

    it('is sent once, and tried again if it could not be made', async () => {
      const replicas = Array.from({ length: 5 }, () => replica({ retryAfterMs: [] }));
      const failed = replicas[0]?.sendOnce('day 1', () => Promise.reject(new Error('no usage')));
      await expect(failed).rejects.toThrow('no usage');
      const sent = await Promise.all(replicas.map((each) => each.sendOnce('day 1', make('1'))));
      expect([heard, sent.filter((one) => one !== undefined)]).toEqual([
        ['1'],
        [[{ channel: 'good', delivered: true }]],
      ]);
      await replicas[0]?.sendOnce('day 2', make('2'));
      expect(heard).toEqual(['1', '2']);
    });

    it('is left to another replica that took it after the store lost all, even if it could then not be made here', async () => {
      const failing = async (): Promise<NewNotice> => {
        for (const [key, text] of await state.list('notices:api:'))
          await state.swap('notices:api:', key, text, undefined);
        await replica({ now: () => NOW + 1 }).sendOnce('day 1', make('1'));
        throw new Error('no usage');
      };
      await expect(replica({ retryAfterMs: [] }).sendOnce('day 1', failing)).rejects.toThrow('no usage');
      expect(await replica().sendOnce('day 1', make('again'))).toBeUndefined();
      expect(heard).toEqual(['1']);
    });

    it('is made by nobody while the store is away, and its caller learns the error if the store goes meanwhile', async () => {
      const swap = jest.spyOn(state, 'swap').mockRejectedValue(new Error('away'));
      const never = jest.fn(make('1'));
      const waiting = replica().sendOnce('day 1', never);
      const refused = expect(waiting).rejects.toThrow('away');
      await pass(25_999);
      expect(await isDone(waiting.catch(() => undefined))).toBe(false);
      await pass(1);
      await refused;
      expect(never).not.toHaveBeenCalled();
      swap.mockRestore();
      const failed = replica({ retryAfterMs: [] }).sendOnce('day 1', () => {
        jest.spyOn(state, 'swap').mockRejectedValue(new Error('away'));
        return Promise.reject(new Error('no usage'));
      });
      await expect(failed).rejects.toThrow('no usage');
    });

    it.each(['take it', 'be made'])('is sent once if the store is away for a moment when it is to %s', async (when) => {
      const replicas = [replica(), replica()];
      let isAway = when === 'take it';
      const swap = state.swap.bind(state);
      // What is asked arrives, and no answer comes back.
      jest.spyOn(state, 'swap').mockImplementation(async (...args) => {
        const swapped = await swap(...args);
        if (isAway) throw new Error('away');
        return swapped;
      });
      const making = (): Promise<NewNotice> => {
        if (isAway) return Promise.reject(new Error('away'));
        if (when === 'take it' || heard.length > 0) return make('1')();
        when = 'take it';
        isAway = true;
        return Promise.reject(new Error('away'));
      };
      const sending = replicas.map((each) => each.sendOnce('day 1', making));
      await pass(3_000);
      expect(heard).toEqual([]);
      isAway = false;
      await pass(3_000);
      expect((await Promise.all(sending)).map((outcomes) => outcomes?.length)).toEqual([1, undefined]);
      expect(heard).toEqual(['1']);
    });

    it('is sent when called again after the store was away for long, as its error says', async () => {
      const alone = replica({ retryAfterMs: [] });
      const swap = state.swap.bind(state);
      const away = jest.spyOn(state, 'swap').mockImplementationOnce(async (...args) => {
        await swap(...args);
        away.mockRejectedValueOnce(new Error('away'));
        throw new Error('away');
      });
      await expect(alone.sendOnce('day 1', make('1'))).rejects.toThrow('away');
      expect(await alone.sendOnce('day 1', make('1'))).toHaveLength(1);
      expect(await alone.sendOnce('day 1', make('1'))).toBeUndefined();
      expect(heard).toEqual(['1']);
    });

    it('is sent even if the list of sent notices cannot be trimmed', async () => {
      jest.spyOn(state, 'trim').mockRejectedValue(new Error('away'));
      expect(await replica().sendOnce('day 1', make('1'))).toEqual([{ channel: 'good', delivered: true }]);
    });

    it('is remembered among the last 500 of each service and environment', async () => {
      const staging = replica({ environment: 'staging' });
      for (let i = 0; i < 501; i++) await replica().sendOnce(`day ${i}`, make(`${i}`));
      await staging.sendOnce('day 500', make('staging'));
      expect(heard.slice(-2)).toEqual(['500', 'staging']);
      expect(await replica().sendOnce('day 1', make('again'))).toBeUndefined();
      expect(await replica().sendOnce('day 0', make('forgotten'))).toHaveLength(1);
    });
  });

  describe('when the app stops', () => {
    it('waits a while for what is being sent, and retries nothing', async () => {
      let tries = 0;
      const broken = own('broken', () => Promise.reject(new Error(`never ${++tries}`)));
      const hanging = own('hanging', () => new Promise(() => undefined));
      const all = notices([broken, hanging], { retryAfterMs: [600_000] });
      void all.send(given);
      await pass(10);
      expect(log.lines).toEqual([expect.stringContaining('will be retried')]);
      const stopping = all.stop();
      await pass(99);
      expect(await by(stopping)).toBe('pending');
      expect(log.lines).toEqual([
        expect.anything(),
        expect.stringContaining('The broken channel did not send a notice'),
      ]);
      await pass(1);
      expect([await by(stopping), tries]).toEqual([undefined, 1]);
    });

    it('waits only until all is sent, and tries once what comes later', async () => {
      let answer = (): void => undefined;
      let tries = 0;
      const slow = own('slow', () => new Promise((resolve) => (answer = () => resolve())));
      const broken = own('broken', () => Promise.reject(new Error(`never ${++tries}`)));
      const all = notices([slow]);
      void all.send(given);
      await pass(1);
      const stopping = all.stop();
      expect(await by(stopping)).toBe('pending');
      answer();
      expect(await by(stopping)).toBeUndefined();
      const late = notices([broken]);
      await late.stop();
      expect(await by(late.send(given))).toEqual([{ channel: 'broken', delivered: false, reason: 'never 1' }]);
      expect([tries, log.lines]).toEqual([1, ['error : The broken channel did not send a notice (never 1): Title']]);
    });
  });
});
