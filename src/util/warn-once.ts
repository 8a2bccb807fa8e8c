import type { Logger } from '@nestjs/common';

/** Names come from outside, so memory is limited, and per kind: a flood of one kind does not silence another. */
const MAX_SUBJECTS_OF_A_KIND = 100;
const MAX_FAULTS_OF_A_SUBJECT = 5;
/** The least time between warnings about a fault that comes and goes. */
const REPEAT_AFTER_MS = 60_000;

interface Subject {
  readonly faults: Set<string>;
  saidAt: number;
  /** Whether it has recovered since its faults were logged. */
  wasGood: boolean;
}

/** Logs what would otherwise be a warning per request: each fault of each subject once, and again if it returns after a recovery. */
export class WarnOnce {
  private readonly kinds = new Map<string, Map<string, Subject>>();

  constructor(private readonly logger: Pick<Logger, 'warn'>) {}

  /**
   * Logs `message()`, unless this fault has been logged.
   *
   * @param about - The subject; its first word is its kind.
   * @param fault - What is wrong with it; each fault is logged separately.
   */
  warn(about: string, message: () => string, fault = ''): void {
    const [kind = ''] = about.split(' ', 1);
    const subjects = this.kinds.get(kind) ?? new Map<string, Subject>();
    this.kinds.set(kind, subjects);
    const subject = subjects.get(about) ?? { faults: new Set<string>(), saidAt: 0, wasGood: false };
    if (subjects.size >= MAX_SUBJECTS_OF_A_KIND && !subjects.has(about)) return;
    subjects.set(about, subject);
    if (subject.wasGood && performance.now() - subject.saidAt >= REPEAT_AFTER_MS) {
      subject.faults.clear();
      subject.wasGood = false;
    }
    if (subject.faults.has(fault) || subject.faults.size >= MAX_FAULTS_OF_A_SUBJECT) return;
    subject.faults.add(fault);
    subject.saidAt = performance.now();
    this.logger.warn(message());
  }

  /** The subject has recovered: a fault that returns is logged again, a minute after the last warning at the earliest. */
  good(about: string): void {
    const [kind = ''] = about.split(' ', 1);
    const subject = this.kinds.get(kind)?.get(about);
    if (subject) subject.wasGood = true;
  }
}
