import type { IncidentTiming } from '../model/incident-timing.js';
import type { CountRead } from '../model/window.js';
import type { Claims } from './claims.js';
import { calmAfterRaise } from './incident/end-of-incident.js';
import { lastOf, sharedName, type Incident } from './incident/incident.js';
import type { IncidentRecords } from './incident/incident-records.js';
import type { PresentCounts } from './present-counts.js';
import type { Sight } from './sight.js';

/** What the thresholds are now. */
export interface ThresholdSource {
  /**
   * The tenant's current threshold if the count is over no level; undefined if it is over one, if that is unknown, or if a function said it
   * longer ago than `maxAgeMs`.
   */
  readonly thresholdNotReached: (
    of: Pick<CountRead, 'category' | 'window' | 'tenantId'>,
    count: number,
    maxAgeMs: number,
  ) => number | undefined;
  /** The store's clock. */
  readonly now: () => number;
}

/** Ends stories of tenants that are over no level any more, because their threshold was raised: at run time, by a deployment or a function. */
export class RaisedThresholds {
  constructor(
    private readonly records: Pick<IncidentRecords, 'some'>,
    private readonly counts: Pick<PresentCounts, 'of'>,
    private readonly sight: Pick<Sight, 'mayClose' | 'since'>,
    private readonly claims: Pick<Claims, 'update'>,
    private readonly timing: IncidentTiming,
    private readonly source: ThresholdSource,
  ) {}

  /** Thresholds of a category were set or removed at run time: ends at once what is over no level, by the present counts. */
  async changed(category: string): Promise<void> {
    for await (const some of this.records.some()) {
      const open = some.filter(([, each]) => each.category === category && isOpenStory(each));
      const counts = await this.counts.of(open.map(([, incident]) => [incident, lastOf(incident)]));
      for (const [i, [id, incident]] of open.entries()) {
        const seen = Math.max(lastOf(incident).count, counts?.[i] ?? 0);
        const present = this.notReached(incident, seen);
        if (present === undefined) continue;
        const isSame = (there: Incident): boolean => there.uid === incident.uid && isOpenStory(there);
        // While the counts were read, and others ended, it may have gone over the new threshold.
        const isUnder = (there: Incident): boolean =>
          lastOf(there).count <= seen || this.notReached(there, lastOf(there).count) !== undefined;
        const end = endBy(incident, present, this.source.now());
        await this.claims.update(id, (there) =>
          there && isSame(there) && isUnder(there) ? { ...there, ...end } : there,
        );
      }
    }
  }

  /** At each look: ends a story once it is calm, if a deployment or a function has raised its threshold so far. */
  ended(incident: Incident, now: number): Incident {
    if (!isOpenStory(incident) || !this.sight.mayClose) return incident;
    const { count, threshold, seenAt, end } = lastOf(incident);
    const calmSince = Math.max(Math.min(seenAt, end), this.sight.since(incident) ?? 0);
    if (now < calmSince + calmAfterRaise(incident, this.timing)) return incident;
    const present = this.notReached(incident, count) ?? 0;
    return present > threshold ? { ...incident, ...endBy(incident, present, now) } : incident;
  }

  /** Ignores a function's answer from before the last breach: another replica may have had a newer one then. */
  private notReached(incident: Incident, count: number): number | undefined {
    const { category, tenant } = incident;
    const of = { category, window: sharedName(incident), tenantId: tenant.id };
    return this.source.thresholdNotReached(of, count, this.source.now() - lastOf(incident).seenAt);
  }
}

function isOpenStory({ story, closedAt }: Incident): boolean {
  return story && closedAt === undefined;
}

/** `Infinity` is no number to name in an alert. */
function endBy(incident: Incident, present: number, now: number): Pick<Incident, 'closedAt' | 'raisedTo'> {
  const isNamed = present > lastOf(incident).threshold && present < Infinity;
  return { closedAt: now, ...(isNamed ? { raisedTo: present } : {}) };
}
