import type { CountRead } from '../model/window.js';
import { within } from '../util/within.js';
import { withContributors, withCount, type Span } from './incident/counts-of-windows.js';
import { lastOf, sharedName, type Contributors, type Incident } from './incident/incident.js';
import type { IncidentRecords } from './incident/incident-records.js';
import type { Sight, StoreSeen } from './sight.js';
import type { AlertOrigin } from './sending/alert-of-incident.js';

/** Counts younger than this are sent without another read. */
const FRESH_MS = 250;
/** Counts that take longer are not waited for. */
const COUNT_WITHIN_MS = 500;

/** What the counting side knows of incidents. */
export interface CountSource extends Pick<AlertOrigin, 'windowOf'>, StoreSeen {
  readonly counts: (reads: readonly CountRead[]) => Promise<number[]>;
  /** Contributors to the count of the window that ends at `end`; empty if unknown. */
  readonly contributors: (
    of: Pick<Incident, 'category' | 'window' | 'tenant'>,
    end: number,
    count: number,
  ) => Promise<Contributors>;
}

/** Reads the current counts and contributors of incidents. */
export class PresentCounts {
  constructor(
    private readonly records: IncidentRecords,
    private readonly sight: Pick<Sight, 'isBlind'>,
    private readonly source: CountSource,
  ) {}

  /** Whether the counts of all these incidents were read a moment ago. */
  isFresh(ids: readonly string[]): boolean {
    const now = this.source.now();
    return ids.every((id) => now - this.records.countedAt(id) < FRESH_MS);
  }

  /** The incidents with their current counts and contributors. Those that are all fresh are not read again. */
  async refreshed(ids: readonly string[]): Promise<(Incident | undefined)[]> {
    if (this.isFresh(ids)) return ids.map((id) => this.records.lastSeen(id));
    const incidents = await this.records.read(ids);
    const counts = await this.of(incidents.map((incident) => incident && [incident, lastOf(incident)]));
    return Promise.all(
      incidents.map(async (incident, i) => {
        if (!incident) return undefined;
        const counted = await this.named(withCount(incident, lastOf(incident).start, counts?.[i] ?? 0, 'all'));
        this.records.noteCounted(ids[i] as string, counted, this.source.now());
        return counted;
      }),
    );
  }

  /** Counts in the order of `wanted`; undefined for what cannot be read now. */
  async of(wanted: readonly (readonly [Incident, Span] | undefined)[]): Promise<(number | undefined)[] | undefined> {
    const asked = wanted.map((one) => (one && this.isCounted(one[0]) ? readOf(...one) : undefined));
    const reads = asked.filter((read) => read !== undefined);
    if (reads.length === 0 || this.sight.isBlind) return undefined;
    const counts = await within(this.source.counts(reads), COUNT_WITHIN_MS, 'no counts').catch(() => undefined);
    if (!counts) return undefined;
    let at = 0;
    return asked.map((read) => read && counts[at++]);
  }

  private async named(incident: Incident): Promise<Incident> {
    if (this.records.isAway) return incident;
    const { end, count } = lastOf(incident);
    const of = { ...incident, window: sharedName(incident) };
    const contributors = await this.source.contributors(of, end, count).catch(() => []);
    return contributors.length > 0 ? withContributors(incident, contributors) : incident;
  }

  // While a deployment adds or removes a window, only replicas with it can read its counts. An alert that the app raised has none.
  private isCounted(incident: Incident): boolean {
    return incident.lengthName === undefined || !!this.source.windowOf(incident.category, sharedName(incident));
  }
}

function readOf(incident: Incident, { start, end }: Span): CountRead {
  const { category, tenant } = incident;
  // A sliding window counts back from `at`. Others may have another length than recorded here; the middle of the
  // recorded span is in them either way.
  const at = lastOf(incident).lengthMs === undefined ? Math.floor((start + end) / 2) : end - 1;
  return { category, window: sharedName(incident), tenantId: tenant.id, at };
}
