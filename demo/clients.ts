/** Calls the API `times` times, five at once, and gives the status of each answer. */
export async function call(url: string, apiKey: string, times: number): Promise<number[]> {
  const statuses: number[] = [];
  while (statuses.length < times) {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => fetch(url, { method: 'POST', headers: { 'x-api-key': apiKey } })),
    );
    statuses.push(...answers.map(({ status }) => status));
  }
  return statuses;
}

/** `40 x 201` */
export function tally(statuses: readonly number[]): string {
  const kinds = [...new Set(statuses)];
  return kinds.map((kind) => `${statuses.filter((status) => status === kind).length} x ${kind}`).join(', ');
}
