import { Records } from '../../store/records.js';
import type { SharedState } from '../../store/shared-state.js';
import { isText, isTime, shaped } from '../../util/shapes.js';

interface Writer {
  readonly me: string;
  readonly since: number;
}

/** One that takes longer, died, or begins again and again because its connection comes and goes, holds nothing up any more. */
const WRITES_WITHIN_MS = 30_000;

/** Replicas that have yet to write what they know from an outage: until then, what seems new or unsent to others may have been sent. */
export class Writers {
  private readonly records: Records<Writer>;
  private since: number | undefined;
  private listedSince: number | undefined;
  /** Until when this replica waits for others, as `performance.now()`; undefined while no other is listed. */
  private waitsUntil: number | undefined;
  private looking: Promise<void> = Promise.resolve();
  private writing: Promise<void> | undefined;
  private written = (): void => undefined;

  constructor(
    state: SharedState,
    scope: string,
    private readonly me: string,
    private readonly now: () => number,
  ) {
    this.records = new Records(state, `writers:${scope}`, undefined, shaped({ me: isText, since: isTime }));
  }

  /** Whether this replica is one. */
  get isOne(): boolean {
    return this.since !== undefined;
  }

  /** Whether others are, as last seen, and this replica still waits for them. */
  get areOthers(): boolean {
    return performance.now() < (this.waitsUntil ?? 0);
  }

  /** Resolves when this replica is none, or the store is away again; undefined if it is none. */
  get done(): Promise<void> | undefined {
    return this.writing;
  }

  begin(): Promise<void> {
    this.since = this.now();
    this.writing ??= new Promise((resolve) => (this.written = resolve));
    return this.look();
  }

  end(): Promise<void> {
    this.leave();
    return this.look();
  }

  /** The store is away: nobody can write. */
  lost(): void {
    this.leave();
    this.waitsUntil = undefined;
  }

  /** Lists this replica as long as it is one, and looks for others. Never rejects. */
  look(): Promise<void> {
    // In turn: a look that began before `end` would list it after that.
    return (this.looking = this.looking.then(() => this.lookNow()));
  }

  private leave(): void {
    this.since = this.writing = undefined;
    this.written();
  }

  private async lookNow(): Promise<void> {
    const { since, me } = this;
    try {
      if (since !== this.listedSince)
        await this.records.change(me, () => (since === undefined ? undefined : { me, since }));
      this.listedSince = since;
      const now = this.now();
      // The store's clock may have fallen back.
      const areListed = (await this.records.list()).some(
        (other) => other.me !== me && Math.abs(now - other.since) < WRITES_WITHIN_MS,
      );
      this.waitsUntil = areListed ? (this.waitsUntil ?? performance.now() + WRITES_WITHIN_MS) : undefined;
    } catch {
      // A store that refuses this must not keep everything from being sent.
      this.waitsUntil = undefined;
    }
  }
}
