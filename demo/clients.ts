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

/** Counts begin anew with each minute: waits out the last seconds of one, so that all calls fall into the next. */
export async function quietMinute(): Promise<void> {
  const leftMs = 60_000 - (Date.now() % 60_000);
  if (leftMs < 5_000) await new Promise((resolve) => setTimeout(resolve, leftMs + 100));
}
