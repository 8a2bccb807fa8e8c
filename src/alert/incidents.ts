import { randomBytes } from 'node:crypto';

import { Records } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { tenantKey } from '../model/tenant-key.js';
import type { IncidentNotes } from './delivery/incident-notes.js';
import type { Told } from './delivery/deliveries.js';
import type { RateAlert } from '../model/rate-alert.js';
import * as incidents from './incident.js';
import type { Incident } from './incident.js';

export interface IncidentSettings {
  readonly remindAfterMs: number;
  /** Undefined: two windows of the category. */
  readonly resolveAfterMs: number | undefined;
}

/** The count of a tenant in a window, over all replicas. */
export type CountOf = (category: string, tenantId: string, window: number, windowMs: number) => Promise<number>;

/** Makes one story of consecutive breaches, told by whichever replica sees what is new in it. */
export class Incidents {
  private readonly records: Records<Incident>;
  /** Those that this replica was closing when the store gave no answer. */
  private readonly unanswered = new Map<string, Incident>();

  constructor(
    state: SharedState,
    private readonly settings: IncidentSettings,
    private readonly now: () => number,
    private readonly countOf: CountOf,
  ) {
    this.records = new Records(state, 'incidents');
  }

  /**
   * Takes in a breach, and gives back what is to be told of it, if anything. Each thing is given to one replica.
   *
   * @param muted - Nothing will be told: so the next breach after the mute is news.
   */
  async breached(alert: RateAlert, muted: boolean): Promise<Told | undefined> {
    const now = this.now();
    const newId = (): string => randomBytes(9).toString('base64url');
    let status: ReturnType<typeof incidents.worthTelling>;
    const { after } = await this.records.change(idOf(alert), (before) => {
      const breached = incidents.withBreach(before, alert, newId);
      const incident = muted ? incidents.withHeldBack(breached) : breached;
      status = incidents.worthTelling(incident, alert, now, this.settings.remindAfterMs);
      return status && !muted ? incidents.withTold(incident, alert, now) : incident;
    });
    if (!status || !after) return undefined;
    return { alert: { ...alert, incident: incidents.told(after, status) }, notesOf: this.notesOf(after) };
  }

  /**
   * Looks after the open incidents: the final counts of windows that are over, and those that are resolved, to be told, each at once: it
   * is gone from the store, so nobody else will. One that fails holds up no other.
   */
  async *sweep(): AsyncGenerator<Told> {
    let fault: unknown;
    for (const open of (await this.records.list()).reverse()) {
      const resolved = await this.resolve(open).catch((error: unknown) => void (fault ??= error));
      if (resolved) yield resolved;
    }
    if (fault) throw fault as Error;
  }

  /** Those of them that are gone. Another replica may have closed and told one: rather twice than not at all. */
  async *closedUnheard(): AsyncGenerator<Told> {
    for (const incident of this.unanswered.values()) {
      const open = await this.records.read(idOf(incident));
      this.unanswered.delete(incident.id);
      const resolved = open?.id === incident.id ? undefined : ending(incident);
      if (resolved) yield resolved;
    }
  }

  private async resolve(open: Incident): Promise<Told | undefined> {
    const settled = await this.settle(open);
    const over = settled && this.isOver(settled) ? await this.close(settled) : undefined;
    return over && ending(over);
  }

  private async settle(open: Incident): Promise<Incident | undefined> {
    const windows = incidents.overWindows(open, this.now());
    if (windows.length === 0) return open;
    const { category, tenant, windowMs } = open;
    const counts = await Promise.all(
      windows.map(async (window) => [window, await this.countOf(category, tenant.id, window, windowMs)] as const),
    );
    const { after } = await this.records.change(idOf(open), (incident) =>
      incident?.id === open.id ? incidents.withSettled(incident, new Map(counts)) : incident,
    );
    return after?.id === open.id ? after : undefined;
  }

  /** As it was in the end, for the replica that closed it. */
  private async close({ id, ...incident }: Incident): Promise<Incident | undefined> {
    let over: Incident | undefined;
    const closing = this.records.change(idOf(incident), (open) => {
      over = open?.id === id && this.isOver(open) ? open : undefined;
      return over ? undefined : open;
    });
    await closing.catch((error: unknown) => {
      if (over) this.unanswered.set(id, over);
      throw error;
    });
    return over;
  }

  private isOver(incident: Incident): boolean {
    const { resolveAfterMs = 2 * incident.windowMs } = this.settings;
    return incidents.isResolved(incident, this.now(), resolveAfterMs);
  }

  private notesOf(incident: Incident): (channel: string) => IncidentNotes {
    const id = idOf(incident);
    return (channel) => {
      let last = incident.notes[channel];
      return {
        read: async () => {
          const open = await this.records.read(id);
          // An alert may go out so late that its incident is closed: what was noted until then still holds.
          if (open?.id === incident.id) last = open.notes[channel];
          return last;
        },
        write: async (note) =>
          void (await this.records.change(id, (open) =>
            open?.id === incident.id ? { ...open, notes: { ...open.notes, [channel]: note } } : open,
          )),
      };
    };
  }
}

function ending(over: Incident): Told | undefined {
  // Nobody has heard of one that was muted all the time.
  if (over.told === 0) return undefined;
  return { alert: incidents.resolvedAlert(over), notesOf: (channel) => keptNotes(over.notes[channel]) };
}

/** Of an incident that is over: there is no place left to write to. */
function keptNotes(note: string | undefined): IncidentNotes {
  return { read: () => Promise.resolve(note), write: () => Promise.resolve() };
}

/** Windows of another length have other numbers: a category whose `windowMs` was changed begins an incident of its own. */
function idOf({ category, windowMs, tenant }: Pick<Incident, 'category' | 'windowMs' | 'tenant'>): string {
  return `${category}:${windowMs}:${tenantKey(tenant.id)}`;
}
