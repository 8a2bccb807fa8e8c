import { earlierParts, keptAfterMs, type CountedCategory, type CountedWindow } from '../model/window.js';
import { copied } from '../util/text.js';
import { HeavyHitters } from './heavy-hitters.js';
import { TenantTotal, type WindowOfTotal } from './tenant-total.js';

/** A window with the tenants that this instance has seen in it. */
export interface LiveWindow extends WindowOfTotal {
  readonly tenants: Map<string, TenantTotal>;
  /** The name under which new totals are published; it was never used in this window before. */
  instance: string;
  /** How many keys this instance has created for the window in the store, and how many of them after it was full. */
  created: number;
  admitted: number;
  readonly heavyHitters: HeavyHitters;
  /** What was not counted because its tenants could not be tracked for lack of room. */
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

/** Whom to tell about a window that lacks room. */
interface Losses {
  /** Called with the first request that is not counted. */
  full(window: LiveWindow): void;
  /** Called when the window is dropped. */
  untracked(window: LiveWindow): void;
}

/** The bar for latecomers doubles with each tenth of the room that was admitted. */
const ADMITTED_AT_A_BAR = 10;
/** A tenant with more than one request in this many is found among any number of invented ids. */
const MIN_LOOKED_FOR = 1_000;
/** How many tenants are checked to find one to remove. */
const MAX_LOOKED_AT = 100;

/** How often a full room looks for space again: looking walks over every tenant of a past window. */
const LOOK_FOR_SPACE_MS = 1_000;

/**
 * The windows that the store still knows, with the tenants seen in them. Each window of each category has its own room, so a flood in one
 * takes no room from another.
 */
export class TenantsByWindow {
  private readonly rooms = new Map<CountedWindow, Room>();
  private opened = 0;
  /** The next request usually needs the same one. */
  private lastRoom: Room | undefined;

  /**
   * @param instance - A name that no other process has.
   * @param maxTracked - The most tenants in one room, over all of its windows; also the most keys that this instance creates in the store
   * for a window.
   */
  constructor(
    private readonly instance: string,
    private readonly maxTracked: number,
    private readonly losses: Losses,
  ) {}

  /** The tenant in the window at `now`; undefined if it is new and there is no room for it. */
  track(category: CountedCategory, window: CountedWindow, key: string, now: number, cost = 0): TenantTotal | undefined {
    const room = this.roomOf(category, window);
    const live = this.windowAt(room, now);
    const known = live.tenants.get(key);
    if (known) return known;
    const isFull = live.created >= this.maxTracked || (room.tracked >= this.maxTracked && !this.makeRoom(room, now));
    if (isFull && !this.admit(room, live, key)) {
      live.untracked.cost += cost;
      if (++live.untracked.requests === 1) this.losses.full(live);
      return undefined;
    }
    // Reuses the string that the previous window has.
    const before = room.live[1]?.tenants.get(key)?.key;
    const tracked = new TenantTotal(live, before ?? copied(key), live.instance);
    live.tenants.set(tracked.key, tracked);
    live.created++;
    room.tracked++;
    return tracked;
  }

  /** The tenant in the window that contains `at`, if it is tracked. */
  find(window: CountedWindow, key: string, at: number): TenantTotal | undefined {
    return this.rooms
      .get(window)
      ?.live.find(({ span }) => at >= span.start && at < span.end)
      ?.tenants.get(key);
  }

  /** Every tenant of every window that is kept. */
  *all(): Generator<TenantTotal> {
    for (const { live } of this.rooms.values()) for (const { tenants } of live) yield* tenants.values();
  }

  /** Every tenant of every window that the store would still take. */
  *live(now: number): Generator<TenantTotal> {
    for (const { live } of this.rooms.values())
      for (const window of live) if (!isOver(window, now)) yield* window.tenants.values();
  }

  /** The windows that lack room now. */
  *crowded(): Generator<LiveWindow> {
    for (const { live } of this.rooms.values())
      for (const window of live) if (window.untracked.requests > 0) yield window;
  }

  /**
   * Whether to admit a tenant to a full window: a busy one replaces a quiet one. The bar doubles with each tenth of the room, so invented
   * ids can neither hide who is over a level nor fill the store.
   */
  private admit(room: Room, live: LiveWindow, key: string): boolean {
    const bar = 2 ** (1 + Math.floor((live.admitted * ADMITTED_AT_A_BAR) / this.maxTracked));
    if (live.heavyHitters.count(key) < bar) return false;
    if (room.tracked >= this.maxTracked && !this.evict(room, live)) return false;
    live.heavyHitters.delete(key);
    live.admitted++;
    return true;
  }

  /** Drops a tenant whose total is published and far from a level. */
  private evict(room: Room, live: LiveWindow): boolean {
    let looked = 0;
    for (const [key, tracked] of live.tenants) {
      if (++looked > MAX_LOOKED_AT) break;
      live.tenants.delete(key);
      if (!tracked.isPending && !tracked.isHot) {
        room.tracked--;
        // If it returns, it starts at 0 under another name, so that the sum stays exact.
        live.instance = this.newName();
        return true;
      }
      // Move it to the end, so that it is not checked again soon.
      live.tenants.set(key, tracked);
    }
    return false;
  }

  private newName(): string {
    return `${this.instance}.${(this.opened++).toString(36)}`;
  }

  private roomOf(category: CountedCategory, window: CountedWindow): Room {
    if (this.lastRoom?.window === window) return this.lastRoom;
    let room = this.rooms.get(window);
    if (!room) this.rooms.set(window, (room = { category, window, live: [], tracked: 0, lookedForSpaceAt: -Infinity }));
    return (this.lastRoom = room);
  }

  private windowAt(room: Room, now: number): LiveWindow {
    // A corrected clock may step back into the previous window, which then continues.
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
      instance: this.newName(),
      created: 0,
      admitted: 0,
      heavyHitters: new HeavyHitters(Math.max(this.maxTracked / ADMITTED_AT_A_BAR, MIN_LOOKED_FOR)),
      untracked: { requests: 0, cost: 0 },
    };
    for (const old of room.live) if (isOver(old, now) || old.span.start > span.start) this.drop(room, old);
    for (const old of room.live.slice(parts)) this.drop(room, old);
    room.live = [opened, ...room.live];
    return opened;
  }

  /** Drops past windows, except those with something left to publish. */
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
    if (old.untracked.requests > 0) this.losses.untracked(old);
  }
}

/** Whether the store has dropped the window, or soon will. */
export function isOver({ span, keepMs }: WindowOfTotal, now: number): boolean {
  return now >= span.start + keepMs;
}

function isPublished({ tenants }: LiveWindow): boolean {
  for (const tracked of tenants.values()) if (tracked.isPending) return false;
  return true;
}
