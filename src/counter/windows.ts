import {
  earlierParts,
  keptAfterMs,
  type CountedCategory,
  type CountedWindow,
  type WindowSpan,
} from '../model/window.js';
import { TrackedTotal } from './tracked-total.js';

/** A window with the tenants that this instance has seen in it. */
export interface LiveWindow {
  readonly category: CountedCategory;
  readonly window: CountedWindow;
  readonly span: WindowSpan;
  /** Of a sliding window: the spans before it that count with it. */
  readonly earlier: readonly WindowSpan[] | undefined;
  /** How long the store keeps a counter of it, from its first write on. */
  readonly keepMs: number;
  readonly tenants: Map<string, TrackedTotal>;
  /** The name that totals which begin now are published under: it was never used in this window before. */
  readonly instance: string;
  /** How many tenants could not be tracked for lack of room: requests and their cost. */
  untracked: { requests: number; cost: number };
}

/** The windows of one kind that the store still knows, newest first. */
interface Room {
  readonly category: CountedCategory;
  readonly window: CountedWindow;
  live: LiveWindow[];
  tracked: number;
  lookedForSpaceAt: number;
}

/** How often a full room looks for space again: looking walks over every tenant of a past window. */
const LOOK_FOR_SPACE_MS = 1_000;

/**
 * The windows that the store still knows, with the tenants seen in them. Each window of each category has its own room, so a flood in one
 * takes no room from another.
 */
export class Windows {
  private readonly rooms = new Map<CountedWindow, Room>();
  private opened = 0;

  /**
   * @param instance - A name that no other process has.
   * @param maxTracked - Tenants in one room, over all of its windows; also the most keys that this instance creates in the store for a window.
   * @param closed - Called when a window that lacked room gives way to another.
   */
  constructor(
    private readonly instance: string,
    private readonly maxTracked: number,
    private readonly closed: (window: LiveWindow) => void,
  ) {}

  /** The tenant in the window at `now`; undefined if it is new and there is no room for it. */
  track(
    category: CountedCategory,
    window: CountedWindow,
    key: string,
    now: number,
    cost = 0,
  ): TrackedTotal | undefined {
    const room = this.roomOf(category, window);
    const live = this.windowAt(room, now);
    const known = live.tenants.get(key);
    if (known) return known;
    if (room.tracked >= this.maxTracked && !this.makeRoom(room, now)) {
      live.untracked.requests++;
      live.untracked.cost += cost;
      return undefined;
    }
    const tracked = new TrackedTotal(live, key, live.instance);
    live.tenants.set(key, tracked);
    room.tracked++;
    return tracked;
  }

  /** The tenant in the window that `at` lies in, if it is tracked. */
  find(window: CountedWindow, key: string, at: number): TrackedTotal | undefined {
    return this.rooms
      .get(window)
      ?.live.find(({ span }) => at >= span.start && at < span.end)
      ?.tenants.get(key);
  }

  /** Every tenant of every window that is kept. */
  *all(): Generator<TrackedTotal> {
    for (const { live } of this.rooms.values()) for (const { tenants } of live) yield* tenants.values();
  }

  /** Those of them that the store would still take. */
  *live(now: number): Generator<TrackedTotal> {
    for (const { live } of this.rooms.values())
      for (const window of live) if (!isOver(window, now)) yield* window.tenants.values();
  }

  /** The windows that lack room now. */
  *crowded(): Generator<LiveWindow> {
    for (const { live } of this.rooms.values())
      for (const window of live) if (window.untracked.requests > 0) yield window;
  }

  private roomOf(category: CountedCategory, window: CountedWindow): Room {
    let room = this.rooms.get(window);
    if (!room) this.rooms.set(window, (room = { category, window, live: [], tracked: 0, lookedForSpaceAt: -Infinity }));
    return room;
  }

  private windowAt(room: Room, now: number): LiveWindow {
    // A clock that is set right may step back over the border: then the window before goes on.
    for (const live of room.live) if (now >= live.span.start && now < live.span.end) return live;
    const span = room.window.spanAt(now);
    const { parts = 1 } = room.window;
    const opened: LiveWindow = {
      category: room.category,
      window: room.window,
      span,
      earlier: parts > 1 ? earlierParts(room.window, span) : undefined,
      keepMs: span.end - span.start + keptAfterMs(span, parts),
      tenants: new Map(),
      instance: `${this.instance}.${(this.opened++).toString(36)}`,
      untracked: { requests: 0, cost: 0 },
    };
    for (const old of room.live) if (isOver(old, now) || old.span.start > span.start) this.drop(room, old);
    for (const old of room.live.slice(parts)) this.drop(room, old);
    room.live = [opened, ...room.live];
    return opened;
  }

  /** Lets go of past windows, but for those with something still to publish. */
  private makeRoom(room: Room, now: number): boolean {
    if (now >= room.lookedForSpaceAt && now - room.lookedForSpaceAt < LOOK_FOR_SPACE_MS) return false;
    room.lookedForSpaceAt = now;
    for (const old of room.live) {
      const isPast = now >= old.span.end || now < old.span.start;
      if (isPast && (isOver(old, now) || isPublished(old))) this.drop(room, old);
    }
    return room.tracked < this.maxTracked;
  }

  private drop(room: Room, old: LiveWindow): void {
    room.live = room.live.filter((live) => live !== old);
    room.tracked -= old.tenants.size;
    if (old.untracked.requests > 0) this.closed(old);
  }
}

/** The store has forgotten it, or soon will. */
export function isOver({ span, keepMs }: LiveWindow, now: number): boolean {
  return now >= span.start + keepMs;
}

function isPublished({ tenants }: LiveWindow): boolean {
  for (const tracked of tenants.values()) if (tracked.isPending) return false;
  return true;
}
