import { storeReasonOf } from '../util/text.js';

/** Reads the parts of one answer. Leaves out a part that cannot be read, and names it, so that the page shows all others. */
export class Parts {
  /** Why parts cannot be read, by name. A part may need several keys. */
  private readonly failed = new Map<string, Set<string>>();

  /** @param what - Name of the part, for people: `usage of llm_call`. */
  async read<T>(what: string, reading: Promise<T>, nothing: T): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      this.lacks(what, error);
      return nothing;
    }
  }

  lacks(what: string, error: unknown): void {
    this.failed.set(what, (this.failed.get(what) ?? new Set()).add(storeReasonOf(error)));
  }

  /** For the answer, without the reasons: they may hold addresses. */
  get unread(): { unread?: string[] } {
    return this.failed.size === 0 ? {} : { unread: [...this.failed.keys()].sort() };
  }

  /** For the log: `usage of llm_call (WRONGTYPE …)`. */
  get reasons(): string[] {
    const parts = Array.from(this.failed, ([what, reasons]) => `${what} (${[...reasons].sort().join('; ')})`);
    return parts.sort();
  }
}
