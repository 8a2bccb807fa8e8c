import type { Logger } from '@nestjs/common';

/** Names come from outside, so what is remembered of one kind is bounded: a flood of one kind silences no other. */
const MAX_SUBJECTS_OF_A_KIND = 100;
const MAX_FAULTS_OF_A_SUBJECT = 5;
/** What comes and goes is not repeated faster. */
const REPEAT_AFTER_MS = 60_000;

interface Subject {
  readonly faults: Set<string>;
  saidAt: number;
  /** All was well since its faults were logged. */
  wasGood: boolean;
}

/** Warnings that would otherwise come once per request: each fault of each subject once, and again if it comes back after all was well. */
export class SayOnce {
  private readonly kinds = new Map<string, Map<string, Subject>>();

  constructor(private readonly logger: Pick<Logger, 'warn'>) {}

  /**
   * Warns with `message()`, unless that was done before.
   *
   * @param about - The subject: its first word is its kind.
   * @param fault - What is wrong with it; another fault is another warning.
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

  /** All is well with the subject: a fault that comes back is news, if some time has passed. */
  good(about: string): void {
    const [kind = ''] = about.split(' ', 1);
    const subject = this.kinds.get(kind)?.get(about);
    if (subject) subject.wasGood = true;
  }
}
