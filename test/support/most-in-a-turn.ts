import promised from 'node:timers/promises';

/**
 * Counts calls by turns of the event loop, which faked timers leave real.
 *
 * @returns a function that ends counting and returns the most calls in one turn.
 */
export function mostInATurn(calls: () => number): () => number {
  let [most, before, isOver] = [0, calls(), false];
  const turn = async (): Promise<void> => {
    while (!isOver) {
      await promised.setImmediate();
      most = Math.max(most, calls() - before);
      before = calls();
    }
  };
  void turn();
  return () => {
    isOver = true;
    return Math.max(most, calls() - before);
  };
}
