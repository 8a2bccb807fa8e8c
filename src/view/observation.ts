/** One observed value. */
export interface Observation {
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Attributes as the semantic conventions have it: with a namespace of their own. */
export function attributes(by: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(by).map(([name, value]) => [`rate_monitor.${name}`, value]));
}
