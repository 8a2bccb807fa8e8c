import { WarnOnce } from './warn-once.js';

describe('WarnOnce', () => {
  let lines: string[];
  let once: WarnOnce;

  beforeEach(() => {
    lines = [];
    once = new WarnOnce({ warn: (line: string) => lines.push(line) });
    jest.useFakeTimers();
    jest.advanceTimersByTime(100_000);
  });
  afterEach(() => jest.useRealTimers());

  const warn = (about: string, fault?: string): void => once.warn(about, () => `${about}: ${fault}`, fault);

  it('logs each fault of a subject once', () => {
    for (let i = 0; i < 2; i++) for (const fault of ['down', 'slow']) warn('tenant a', fault);
    expect(lines).toEqual(['tenant a: down', 'tenant a: slow']);
    jest.advanceTimersByTime(60_000);
    warn('tenant a', 'down');
    expect(lines).toHaveLength(2);
  });

  it('logs a fault again that returns after a recovery, but not every time', () => {
    warn('tenant a', 'down');
    once.good('tenant a');
    warn('tenant a', 'down');
    expect(lines).toHaveLength(1);
    jest.advanceTimersByTime(60_000);
    warn('tenant a', 'down');
    expect(lines).toHaveLength(2);
    jest.advanceTimersByTime(60_000);
    warn('tenant a', 'down');
    expect(lines).toHaveLength(2);
  });

  it('logs five faults of a subject at most', () => {
    for (let i = 0; i < 20; i++) warn('tenant a', `fault ${i}`);
    expect(lines).toHaveLength(5);
  });

  it('ignores the recovery of a subject without a fault', () => {
    once.good('tenant a');
    warn('tenant b', 'down');
    once.good('tenant a');
    expect(lines).toEqual(['tenant b: down']);
  });

  it('does not let a flood of one kind silence another', () => {
    for (let i = 0; i < 1_000; i++) warn(`category ${i}`);
    expect(lines).toHaveLength(100);
    warn('cost llm_call');
    expect(lines).toHaveLength(101);
  });
});
