/** The label of all tenants without one of their own. */
export const OTHER = 'other';

/**
 * Labels for the first tenants that ask, for the life of the process. A changing set would grow without bound in a metrics SDK, which keeps
 * every set of labels that it ever saw.
 */
export class StickyLabels {
  private readonly labels = new Set<string>();

  constructor(private readonly max: number) {}

  /** The tenant itself if there is room or it has a label already, else `other`. */
  labelOf(tenant: string): string {
    if (this.labels.has(tenant)) return tenant;
    if (this.labels.size >= this.max) return OTHER;
    this.labels.add(tenant);
    return tenant;
  }
}
