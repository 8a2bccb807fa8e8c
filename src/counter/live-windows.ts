import { TrackedTenant } from './tracked-tenant.js';
import { isOver, type Window } from './window.js';

/** A window with the tenants seen in it. */
interface LiveWindow extends Window {
  readonly tenants: Map<string, TrackedTenant>;
}

/** How often a full house looks for room again: looking walks over every tenant of a past window. */
const LOOK_FOR_ROOM_MS = 1_000;

/** The windows the store still knows: each category's current one and the one before, with a cap on the tenants in all of them. */
export class LiveWindows {
  private readonly current = new Map<string, LiveWindow>();
  private readonly previous = new Map<string, LiveWindow>();
  private tracked = 0;
  private lookedForRoomAt = -Infinity;

  private opened = 0;

  /** @param instance - A name that no other process has. */
  constructor(
    private readonly instance: string,
    private readonly maxTrackedTenants: number,
  ) {}

  /** The tenant in its category's window at `now`; undefined where it is new and there is no room for it. */
  track(category: string, windowMs: number, key: string, now: number): TrackedTenant | undefined {
    const window = this.windowAt(category, windowMs, now);
    const known = window.tenants.get(key);
    if (known) return known;
    if (this.tracked >= this.maxTrackedTenants && !this.makeRoom(now)) return undefined;
    const tracked = new TrackedTenant(window, key);
    window.tenants.set(key, tracked);
    this.tracked++;
    return tracked;
  }

  /** The tenant in its category's window at `now`, where it is tracked. */
  find(category: string, windowMs: number, key: string, now: number): TrackedTenant | undefined {
    return this.windowAt(category, windowMs, now).tenants.get(key);
  }

  /** Every tenant of every window that is not over for more than a window. */
  *tenants(): Generator<TrackedTenant> {
    for (const windows of [this.previous, this.current])
      for (const { tenants } of windows.values()) yield* tenants.values();
  }

  /** Those of them that the store would still take. */
  *live(now: number): Generator<TrackedTenant> {
    for (const tracked of this.tenants()) if (!isOver(tracked.window, now)) yield tracked;
  }

  private windowAt(category: string, windowMs: number, now: number): LiveWindow {
    const number = Math.floor(now / windowMs);
    const current = this.current.get(category);
    if (current?.number === number) return current;
    const previous = this.previous.get(category);
    // A clock set right may step back over the border: then the window before goes on.
    if (previous?.number === number) return previous;
    const instance = `${this.instance}.${(this.opened++).toString(36)}`;
    const window: LiveWindow = { category, instance, number, windowMs, tenants: new Map() };
    if (previous) this.drop(this.previous, previous);
    if (current?.number === number - 1) this.previous.set(category, current);
    else if (current) this.drop(this.current, current);
    this.current.set(category, window);
    return window;
  }

  /** Lets go of past windows, but for those with something still to publish. */
  private makeRoom(now: number): boolean {
    if (now >= this.lookedForRoomAt && now - this.lookedForRoomAt < LOOK_FOR_ROOM_MS) return false;
    this.lookedForRoomAt = now;
    for (const windows of [this.previous, this.current]) {
      for (const window of windows.values()) {
        const past = windows === this.previous || isOver(window, now);
        if (past && isPublished(window)) this.drop(windows, window);
      }
    }
    return this.tracked < this.maxTrackedTenants;
  }

  private drop(windows: Map<string, LiveWindow>, window: LiveWindow): void {
    windows.delete(window.category);
    this.tracked -= window.tenants.size;
  }
}

function isPublished({ tenants }: LiveWindow): boolean {
  for (const tracked of tenants.values()) if (tracked.pending) return false;
  return true;
}
