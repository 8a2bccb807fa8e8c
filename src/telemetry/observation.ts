/** One observed value. */
export interface Observation {
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}
