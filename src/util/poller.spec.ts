import { pass } from '../../test/support/fake-timers.js';
import { MemoryLogger } from '../../test/support/memory-logger.js';
import { Poller } from './poller.js';

describe('Poller', () => {
  let log: MemoryLogger;
  let work: jest.Mock<Promise<void>, []>;
  let poller: Poller;

  beforeEach(() => {
    jest.useFakeTimers();
    log = new MemoryLogger();
    work = jest.fn(() => Promise.resolve());
    poller = new Poller(
      () => work(),
      log,
      'Mutes',
      () => false,
    );
    poller.start();
  });
  afterEach(async () => {
    await poller.stop();
    jest.useRealTimers();
  });

  it('works once a second, and no longer after it is stopped', async () => {
    await pass(3_000);
    expect(work).toHaveBeenCalledTimes(3);
    await poller.stop();
    await pass(3_000);
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('starts no run while another is in progress, and a stop waits for that one', async () => {
    let finish = (): void => undefined;
    work.mockReturnValueOnce(new Promise((resolve) => (finish = resolve)));
    await pass(10_000);
    expect(work).toHaveBeenCalledTimes(1);
    let stopped = false;
    const stopping = poller.stop().then(() => (stopped = true));
    await pass(0);
    expect(stopped).toBe(false);
    finish();
    await stopping;
  });

  it('does not delay the shutdown for work that never ends', async () => {
    let finish = (): void => undefined;
    work.mockReturnValue(new Promise((resolve) => (finish = resolve)));
    await pass(1_000);
    const stopped = jest.fn();
    void poller.stop().then(stopped);
    await pass(1_999);
    expect(stopped).not.toHaveBeenCalled();
    await pass(1);
    expect(stopped).toHaveBeenCalled();
    finish();
  });

  it('warns once about all that fail for one reason, and about each further reason', async () => {
    const fails = (reason: string): Promise<void> => Promise.reject(new Error(reason));
    work.mockImplementation(() => fails('NOPERM'));
    const beside = [
      new Poller(
        () => fails('NOPERM'),
        log,
        'Instances',
        () => false,
        10_000,
      ),
      new Poller(
        () => fails('WRONGTYPE'),
        log,
        'Thresholds',
        () => false,
      ),
      new Poller(
        () => Promise.resolve(),
        log,
        'Blind times',
        () => false,
      ),
      new Poller(
        () => fails('NOPERM'),
        log,
        'Usage records',
        () => false,
      ),
      new Poller(
        () => fails('NOPERM'),
        log,
        'Incidents',
        () => true,
      ),
    ];
    const elsewhere = new MemoryLogger();
    beside.push(
      new Poller(
        () => fails('NOPERM'),
        elsewhere,
        'Contributors',
        () => false,
      ),
    );
    for (const poller of beside) poller.start();
    await pass(180_000);
    expect(log.lines).toEqual([
      'warn : Mutes, Instances, Usage records have not been updated for a minute (NOPERM. Grant its user the rights that the docs list under "The least rights")',
      'warn : Thresholds have not been updated for a minute (WRONGTYPE)',
    ]);
    expect(elsewhere.lines).toHaveLength(1);
    for (const poller of beside) await poller.stop();
  });

  it('warns once when the work has failed for a minute, and again only after it has worked in between', async () => {
    work.mockRejectedValue(new Error('away'));
    // Failing since the first second.
    await pass(60_000);
    expect(log.lines).toEqual([]);
    await pass(1_000);
    expect(log.lines).toHaveLength(1);
    await pass(120_000);
    expect(log.lines).toEqual(['warn : Mutes have not been updated for a minute (away)']);
    work.mockResolvedValueOnce();
    await pass(1_000);
    await pass(62_000);
    expect(log.lines).toHaveLength(2);
  });

  it('does not warn while the log has the reason, but a minute later if the work still fails', async () => {
    let isReported = true;
    const quiet = new Poller(
      () => Promise.reject(new Error('away')),
      log,
      'Mutes',
      () => isReported,
    );
    quiet.start();
    await pass(120_000);
    isReported = false;
    await pass(59_000);
    expect(log.lines).toEqual([]);
    await pass(2_000);
    expect(log.lines).toHaveLength(1);
    await quiet.stop();
  });
});
