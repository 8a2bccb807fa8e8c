/** A customer of the demo's API. */
export interface Customer {
  id: string;
  name: string;
  apiKey: string;
  /** How busy, 1 for the busiest. */
  size: number;
}

const NAMES = [
  'Acme chatbot',
  'Umbra search',
  'Globex',
  'مختبرات الفجر',
  'Initech <img src=x>',
  'Northwind Traders',
  'Hooli Research and Development',
  'Soylent Analytics',
  'Stark Industries',
  'Tyrell',
];

/** Forty of them. In a real app these live in a database. */
export const CUSTOMERS: readonly Customer[] = Array.from({ length: 40 }, (_, i) => ({
  id: `proj_${i + 1}`,
  name: NAMES[i] ?? `Customer ${i + 1}`,
  apiKey: i < 2 ? (['key-acme', 'key-umbra'][i] as string) : `key-${i + 1}`,
  size: 1 / (1 + i / 6),
}));

/** What a busy customer asks of each category in a minute of the day. */
const BUSY: Record<string, number> = { llm_call: 11, evaluations: 2.2, collections: 2.2 };

/** How many requests of a category a customer makes in a minute: a working day, some noise, and a burst now and then. */
export function usualIn({ id, size }: Customer, category: string, minute: number): number {
  const day = 0.35 + 0.65 * Math.max(0, Math.sin(((minute % 1_440) / 1_440 - 0.28) * 2 * Math.PI));
  const busy = (BUSY[category] ?? 1) * size * day;
  const burst = noise(`${id}${category}${Math.floor(minute / 7)}`) > 0.996 ? 3 : 1;
  return Math.floor(busy * burst * (0.4 + 1.1 * noise(`${id}${category}${minute}`)) + noise(`${minute}${id}`));
}

/** A number from 0 to 1, the same for the same text. */
function noise(text: string): number {
  let hash = 2_166_136_261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16_777_619);
  hash = Math.imul(hash ^ (hash >>> 15), 2_246_822_507);
  return ((hash ^ (hash >>> 13)) >>> 0) / 4_294_967_296;
}
