// @ts-check
const LONGEST_US = 1_000_000;

/** Latencies by the microsecond: recording one costs next to nothing, so the load measures the app and not itself. */
export class Latencies {
  #counts = new Uint32Array(LONGEST_US + 1);
  #recorded = 0;

  /** @param {number} ms */
  record(ms) {
    this.#counts[Math.min(Math.round(ms * 1_000), LONGEST_US)]++;
    this.#recorded++;
  }

  /**
   * In microseconds.
   *
   * @param {number} share
   */
  percentile(share) {
    let left = Math.ceil(this.#recorded * share);
    for (let us = 0; us <= LONGEST_US; us++) {
      left -= this.#counts[us];
      if (left <= 0) return us;
    }
    return LONGEST_US;
  }

  clear() {
    this.#counts.fill(0);
    this.#recorded = 0;
  }
}
