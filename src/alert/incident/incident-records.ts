import { MAX_IN_A_TURN, NewerRecord, Records } from '../../store/records.js';
import type { SharedState } from '../../store/shared-state.js';
import { chunks } from '../../util/chunks.js';
import { lastOf, merged, withKnown, type Incident } from './incident.js';
import { isIncident } from './incident-from-store.js';

/** How many alerts the history holds. */
export const MAX_LISTED = 500;
/** How many due records are handled at once. */
const MAX_AT_ONCE = 500;
/** How many incidents beyond `maxOpenIncidents` to remember that other replicas may be handling. */
const MAX_REMEMBERED = 2_000;
/** The history is trimmed after this many archived incidents. */
const TRIM_EVERY = 20;

/** What is overdue by this much was handled by another replica. */
const HANDLED_AFTER_MS = 1_000;

/** How long other replicas may take to reconnect and write what they sent, once the store is back, and how much longer for each incident. */
const OTHERS_WRITE_WITHIN_MS = 2_000;
const WRITE_EACH_WITHIN_MS = 5;
/** A shorter outage is a failed command, after which others have little to write. */
const OUTAGE_MS = 1_500;
/** A replica that begins a story writes the one before, which has ended, under another id a moment later. */
const END_WRITTEN_WITHIN_MS = 30_000;
/** How long a refused write is reported: longer than any wait until it is tried again. */
const REFUSED_FOR_MS = 15_000;
/** How long the counter may take to notice that the store is away: without requests, it looks once a second. */
const NOTICED_WITHIN_MS = 3_000;

/** Later than any record is due. */
const EVER = 8.64e15;

/** What becomes of an incident; undefined for none. May be called several times. */
export type Change = (incident: Incident | undefined) => Incident | undefined;

interface NewestIncidents {
  /** Newest first. */
  readonly incidents: readonly Incident[];
  /** Why those that are over are missing; undefined if they are not. */
  readonly unread: unknown;
  /** All that ended after this time are there. */
  readonly completeSince: number;
}

/** Those that are open end last. */
function endOf({ closedAt = EVER }: Incident): number {
  return closedAt;
}

/** The id of an incident that has ended, and whose end has not been sent everywhere, once its tenant has another. */
export function endedId(id: string, { uid }: Incident): string {
  return `${id}~${uid}`;
}

/**
 * The incidents of all replicas: in the store, and as last seen here. The local copies stand in while the store is away, are merged into
 * it when it is back, and replace what it loses. Nothing else writes to either.
 */
export class IncidentRecords {
  private readonly store: Records<Incident>;
  private readonly history: Records<Incident>;
  private readonly kinds: { readonly open: string; readonly history: string };
  private readonly seen = new Map<string, { incident: Incident; countedAt: number }>();
  /** Incidents whose local state is not in the store yet, and whether that is because it had no room for them. */
  private readonly unshared = new Map<string, boolean>();
  private generation: string | undefined;
  /** Set if the store may have lost the due times of its records. */
  private isToRewrite = false;
  private away = false;
  private awayAt = -Infinity;
  private othersWriteUntil = -Infinity;
  private open = 0;
  private untrimmed = 0;
  /** Whether the last read or write of the history failed while the store was not away. */
  private isHistoryFailing = false;
  /** The last write that the store refused, and when. */
  private refused = { error: undefined as unknown, at: -Infinity };

  /**
   * @param scope - The service and environment. Records of others in the same store are left alone.
   * @param max - How many incidents may be open in the store.
   */
  constructor(
    private readonly state: SharedState,
    scope: string,
    private readonly max: number,
  ) {
    this.kinds = { open: `incidents:${scope}`, history: `history:${scope}` };
    this.store = new Records(state, this.kinds.open, ({ lookAt }: Incident) => lookAt, isIncident);
    this.history = new Records(state, this.kinds.history, undefined, isIncident);
  }

  /** Whether the store is away, as far as this replica knows. */
  get isAway(): boolean {
    return this.away;
  }

  /** Whether the store came back, or lost its data, so recently that other replicas may not yet have written what they know. */
  get isJustBack(): boolean {
    return Date.now() < this.othersWriteUntil;
  }

  /** Whether the store went away so recently that the counter may not have noticed yet. */
  get isJustAway(): boolean {
    return Date.now() - this.awayAt < NOTICED_WITHIN_MS;
  }

  /** Changes incidents in memory until a read of due ones succeeds. */
  storeIsAway(): void {
    if (!this.away) this.awayAt = Date.now();
    this.away = true;
  }

  /** How many incidents are in the store, as last seen. */
  get size(): number {
    return this.open;
  }

  /** Whether an incident is only in this replica's memory, because too many are open. */
  isAlone(id: string): boolean {
    return this.unshared.get(id) === true && this.open >= this.max;
  }

  /** An incident as last seen here. */
  lastSeen(id: string): Incident | undefined {
    return this.seen.get(id)?.incident;
  }

  /** When an incident's count was last read here or came with a breach; 0 if unknown. */
  countedAt(id: string): number {
    const { incident, countedAt = 0 } = this.seen.get(id) ?? {};
    return incident ? Math.max(countedAt, lastOf(incident).seenAt) : 0;
  }

  /** Remembers an incident and its current count, to be written with its next change. */
  noteCounted(id: string, incident: Incident, countedAt: number): void {
    this.seen.set(id, { incident: withKnown(incident, this.lastSeen(id)) as Incident, countedAt });
  }

  /**
   * Changes an incident atomically; in memory while the store is away, or if a new one would exceed the maximum. May call `change`
   * several times.
   *
   * @param read - The incident as {@link read} returned it.
   * @returns The incident as it is now; undefined if there is none, or no room for it even in memory.
   */
  async change(id: string, change: Change, read?: Incident): Promise<Incident | undefined> {
    let isTooMany = this.isAlone(id);
    if (!this.away && !isTooMany) {
      const changed = await this.changeInStore(id, change, read);
      if (typeof changed === 'object') return changed.after;
      isTooMany = changed === 'no room';
    }
    const after = change(this.lastSeen(id));
    if (!after || (!this.unshared.has(id) && this.unshared.size >= this.max)) return undefined;
    this.unshared.set(id, isTooMany);
    this.note(id, after);
    return after;
  }

  /** Incidents in the order of `ids`: from the store or, if it is away or behind, as last seen here. */
  async read(ids: readonly string[]): Promise<(Incident | undefined)[]> {
    const shared = this.away
      ? []
      : await this.store.readAll(ids).catch(() => {
          this.storeIsAway();
          return [];
        });
    return ids.map((id, i) => {
      const mine = this.lastSeen(id);
      return (this.unshared.has(id) ? undefined : withKnown(shared[i], mine)) ?? mine;
    });
  }

  /** All incidents that are open or have an unsent end: a few at a time, since there may be thousands. */
  async *some(): AsyncGenerator<readonly (readonly [id: string, incident: Incident])[]> {
    const here = this.here();
    const { ids, isNew = false } = this.away ? { ids: [] } : await this.store.due(EVER, this.max);
    this.isToRewrite ||= isNew;
    for (const some of chunks([...new Set([...ids, ...here.keys()])], MAX_IN_A_TURN)) {
      const shared = this.away ? [] : await this.store.readAll(some);
      yield some.flatMap((id, i) => {
        const incident = here.get(id) ?? shared[i];
        return incident ? [[id, incident] as const] : [];
      });
    }
  }

  /**
   * The latest incidents: all that are open, and of the others those that ended last, as the history keeps them; while the store is away,
   * those seen here.
   */
  async newest(): Promise<NewestIncidents> {
    let unread: unknown;
    const [ended, stored] = await Promise.all([
      this.history.list(MAX_LISTED).catch((error: unknown) => void (unread = error)),
      this.store.list(MAX_LISTED).catch(() => this.storeIsAway()),
    ]);
    if (stored && !ended) this.isHistoryFailing = true;
    const listed = stored ? [...(ended ?? []), ...stored] : [];
    const found = new Map([...listed, ...this.here().values()].map((incident) => [incident.uid, incident]));
    const lastEndedFirst = [...found.values()].sort((a, b) => endOf(b) - endOf(a));
    const kept = lastEndedFirst.slice(0, MAX_LISTED);
    const isCut = found.size > MAX_LISTED || (ended?.length ?? 0) >= MAX_LISTED;
    const completeSince = isCut ? endOf(kept.at(-1) as Incident) : -Infinity;
    return { incidents: kept.sort((a, b) => b.raisedAt - a.raisedAt), unread, completeSince };
  }

  /**
   * Ids of stored incidents that are due by `until`. Reads only those, however many are open.
   *
   * @throws if the store is away.
   */
  async due(until: number): Promise<readonly string[]> {
    const handled = this.handledElsewhere(until);
    // Before the generation is read: if the store loses its data in between, that shows.
    const present: (Incident | undefined)[] = [];
    for (const some of chunks(handled, MAX_IN_A_TURN))
      present.push(...(await this.store.readAll(some.map(([id]) => id))));
    const lost = await this.lostOf(handled.filter((_, i) => !present[i]));
    const { ids, generation, isNew = false } = await this.store.due(until, MAX_AT_ONCE);
    // The store has lost its records or their due times, perhaps while no replica was running.
    const isOther = this.generation !== undefined && this.generation !== generation;
    if (isOther) for (const id of this.seen.keys()) this.unshared.set(id, false);
    const isAnyLost =
      isOther || handled.map(([id, mine], i) => this.catchUp(id, mine, present[i], lost.has(mine))).includes(true);
    this.isToRewrite ||= isOther || isNew;
    if (this.isToRewrite) await this.store.rewrite(this.max);
    this.isToRewrite = false;
    this.generation = generation;
    this.open = await this.state.size(this.kinds.open);
    if (this.away || isOther || lost.size > 0) {
      const now = Date.now();
      const toWrite = isAnyLost || now - this.awayAt > OUTAGE_MS ? Math.max(this.open, this.seen.size) : 0;
      const writeMs = OTHERS_WRITE_WITHIN_MS + toWrite * WRITE_EACH_WITHIN_MS;
      this.othersWriteUntil = Math.max(this.othersWriteUntil, now + writeMs);
    }
    this.away = false;
    return ids;
  }

  /** Ids of due incidents that only this replica's memory has. */
  dueHere(now: number): string[] {
    return [...this.here()].filter(([, { lookAt = Infinity }]) => lookAt <= now).map(([id]) => id);
  }

  /** Incidents to write to the store, which was away or lost them. */
  unwritten(): (readonly [id: string, incident: Incident])[] {
    return this.away ? [] : [...this.here()].filter(([id]) => !this.isAlone(id));
  }

  /** What the history has of `incidents`, in their order; undefined for one that is not there, or that continued here after that end. */
  async ended(incidents: readonly Incident[]): Promise<(Incident | undefined)[]> {
    const found = await this.history.readAll(incidents.map(({ uid }) => uid));
    return incidents.map((mine, i) => {
      const ended = found[i];
      return ended && lastOf(mine).start <= lastOf(ended).start ? ended : undefined;
    });
  }

  /** Moves a finished incident to the history. If that fails, it is due again soon. */
  async archive(id: string, incident: Incident): Promise<void> {
    if (this.unshared.has(id) && !this.isAlone(id)) return;
    try {
      await this.history.change(incident.uid, () => incident);
      await this.store.change(id, (there) =>
        there?.uid === incident.uid && there.closedAt !== undefined ? undefined : there,
      );
      this.seen.delete(id);
      this.unshared.delete(id);
      this.untrimmed++;
    } catch (error) {
      this.isHistoryFailing = true;
      this.refused = { error, at: performance.now() };
    }
  }

  /**
   * Trims the history, and tries it again if it could not be read or written.
   *
   * @throws if that still fails, so that the poller logs it.
   */
  async lookAtHistory(): Promise<void> {
    if (this.isHistoryFailing) await this.history.list(1);
    this.isHistoryFailing = false;
    if (this.untrimmed < TRIM_EVERY) return;
    await this.state.trim(this.kinds.history, MAX_LISTED);
    this.untrimmed = 0;
  }

  /** @throws why the store refuses writes, so that the poller logs it. Reads continue. */
  throwIfRefused(): void {
    if (performance.now() - this.refused.at < REFUSED_FOR_MS) throw this.refused.error;
  }

  /** Forgets incidents not seen for a long time: another replica handles them, or they are over. */
  forget(): void {
    for (const id of this.seen.keys()) {
      if (this.seen.size <= this.max + MAX_REMEMBERED) return;
      if (!this.unshared.has(id)) this.seen.delete(id);
    }
  }

  /** Incidents that another replica has probably handled since they were last seen here; after an outage, all of them. */
  private handledElsewhere(until: number): (readonly [id: string, mine: Incident])[] {
    const handled: (readonly [string, Incident])[] = [];
    for (const [id, { incident }] of this.seen) {
      // After an outage all: others take over what is not written in time.
      if (!this.away && handled.length >= MAX_AT_ONCE) break;
      const { lookAt = Infinity } = incident;
      if ((this.away || lookAt < until - HANDLED_AFTER_MS) && !this.unshared.has(id)) handled.push([id, incident]);
    }
    return handled;
  }

  /**
   * Which of the missing incidents were lost by a restart or failover, which may drop writes that the store had acknowledged. The others
   * have ended: they are in the history, or too many have ended after them to know.
   */
  private async lostOf(missing: readonly (readonly [id: string, mine: Incident])[]): Promise<ReadonlySet<Incident>> {
    if (missing.length === 0) return new Set();
    const uids = missing.map(([, { uid }]) => uid);
    // Not parsed: a newer version may have ended it.
    const ended = await this.state.read(this.kinds.history, uids);
    const others = missing.map(([, mine]) => mine).filter((_, i) => ended[i] === undefined);
    if (others.length === 0) return new Set();
    const kept = await this.history.list(MAX_LISTED);
    const since = kept.length < MAX_LISTED ? -Infinity : (kept.at(-1)?.closedAt ?? Infinity);
    return new Set(others.filter((mine) => lastOf(mine).seenAt > since));
  }

  /**
   * Forgets an incident that has ended, or an outage would open it again here. What was lost of it is written to the store again.
   *
   * @returns Whether something was lost.
   */
  private catchUp(id: string, mine: Incident, present: Incident | undefined, isLost: boolean): boolean {
    if (this.lastSeen(id) !== mine) return false;
    const isToWrite = isLost || withKnown(present, mine) !== present;
    if (isToWrite) this.unshared.set(id, false);
    else if (present) this.replace(id, present);
    else this.seen.delete(id);
    return isToWrite;
  }

  /** Keeps a story whose place another one has taken, under the id of an ended one: if the store has lost it, it is restored to be ended. */
  private replace(id: string, next: Incident): void {
    const mine = this.seen.get(id);
    if (mine?.incident.story && mine.incident.uid !== next.uid) {
      const lookAt = Math.max(mine.incident.lookAt ?? 0, next.raisedAt + END_WRITTEN_WITHIN_MS);
      this.seen.set(endedId(id, mine.incident), { ...mine, incident: { ...mine.incident, lookAt } });
    }
    this.note(id, next);
  }

  private note(id: string, incident: Incident): void {
    this.seen.set(id, { incident, countedAt: this.seen.get(id)?.countedAt ?? 0 });
  }

  /** What this replica knows and the store does not, by id. */
  private here(): Map<string, Incident> {
    const ids = (this.away ? this.seen : this.unshared).keys();
    return new Map(Array.from(ids, (id) => [id, this.lastSeen(id) as Incident]));
  }

  /** Undefined if the store is away. */
  private async changeInStore(
    id: string,
    change: Change,
    read: Incident | undefined,
  ): Promise<{ readonly after: Incident | undefined } | 'no room' | undefined> {
    let isTooMany = false;
    const wasUnwritten = this.unshared.has(id);
    try {
      const changed = await this.store.change(
        id,
        (there) => {
          const mine = this.lastSeen(id);
          const known = withKnown(there, mine);
          // Another replica may have begun the same one later: it is no newer than what is yet to be written here.
          const isOlder = mine && known === there && there?.uid === mine.uid && this.unshared.has(id);
          const next = change(isOlder ? merged(there, mine) : known);
          isTooMany = !there && next !== undefined && next.closedAt === undefined && this.open >= this.max;
          return isTooMany ? undefined : next;
        },
        read,
      );
      if (isTooMany) return 'no room';
      if (!changed.before && changed.after) this.open++;
      const mine = this.unshared.has(id) ? this.lastSeen(id) : undefined;
      if (!changed.after && mine) {
        // The store has yet to get it: what is known of it now is written with it.
        const after = change(mine);
        if (after) this.note(id, after);
        return { after };
      }
      // Another change has written it since this one read that the store lacks it.
      if (!changed.before && !changed.after && wasUnwritten && !this.unshared.has(id))
        return await this.changeInStore(id, change, undefined);
      const known = withKnown(changed.after, this.lastSeen(id));
      // It may have changed in memory before the answer came.
      if (known !== changed.after) this.unshared.set(id, false);
      else this.unshared.delete(id);
      if (!known) this.seen.delete(id);
      else if (changed.before) this.note(id, known);
      else this.replace(id, known);
      return changed;
    } catch (error) {
      if (error instanceof NewerRecord) {
        this.seen.delete(id);
        this.unshared.delete(id);
        throw error;
      }
      this.refused = { error, at: performance.now() };
      this.storeIsAway();
      return undefined;
    }
  }
}
