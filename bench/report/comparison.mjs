// @ts-check
import { confidence, median } from '../lib/statistics.mjs';

/**
 * @typedef {import('../results.js').Row} Row
 * @typedef {(contestant: string) => Row} Turn What was measured of a contestant in a turn.
 */

export const NOTHING = 'do-nothing guard';
export const NO_GUARD = 'no guard';
export const COUNTER = 'prom-client counter';
export const THROTTLER = 'throttler, Redis';

/**
 * Compares contestants turn by turn: what the machine does to one at that time, it does to all. A round has new processes, and two equal
 * processes differ by more than two turns of one. So a round gives one value, the median of its turns, and rounds give the interval.
 */
export class Comparison {
  /** @param {Row[]} rows */
  constructor(rows) {
    this.rows = rows;
  }

  /**
   * @param {string} what
   * @param {string} contestant
   * @param {string} reference
   * @param {number} connections
   * @param {number} least
   */
  ratio(what, contestant, reference, connections, least) {
    /** @param {Turn} of */
    const ratio = (of) => of(contestant).requestsPerSecond / of(reference).requestsPerSecond;
    return atLeast(what, this.#perRound(ratio, connections), least);
  }

  /**
   * Medians are taken of what is added, before the ratio: a small difference of two noisy figures is not to be divided by.
   *
   * @param {string} what
   * @param {string} contestant
   * @param {string} reference
   * @param {number} connections
   * @param {number} most
   */
  added(what, contestant, reference, connections, most) {
    /** @param {string} name */
    const added = (name) => confidence(this.#perRound((of) => of(name).appCpuUs - of(NOTHING).appCpuUs, connections));
    const [own, others] = [added(contestant), added(reference)];
    return {
      what,
      target: `<= ${short(most)} of it`,
      measured: `${micros(own)} of ${micros(others)}`,
      // What adds nothing adds no more than any other.
      reached: own.median <= Math.max(most * others.median, 0),
    };
  }

  /**
   * @param {string} what
   * @param {string} contestant
   * @param {number} most
   */
  redisCpu(what, contestant, most) {
    // Over what Redis uses while nobody asks it anything.
    /**
     * @param {Turn} of
     * @param {string} name
     */
    const used = (of, name) => of(name).redisCpuUs - of(NOTHING).redisCpuUs;
    /** @param {Turn} of */
    const ratio = (of) => used(of, contestant) / used(of, THROTTLER);
    return atMost(what, this.#perRound(ratio, 200), most);
  }

  /** @param {string} contestant */
  latency(contestant) {
    const added = median(this.#perRound((of) => of(contestant).p50Us - of(NOTHING).p50Us, 1));
    const ping = median(this.rows.filter(({ contestant }) => contestant === 'PING').map(({ p50Us }) => p50Us));
    return {
      what: 'latency added at p50, `await`, 1 connection',
      target: `<= PING + 50 us = ${ping + 50} us`,
      measured: `${added} us`,
      reached: added <= ping + 50,
    };
  }

  /**
   * One value a round: the median of what its turns give.
   *
   * @param {(of: Turn) => number} value
   * @param {number} connections
   */
  #perRound(value, connections) {
    const rounds = [...new Set(this.rows.map(({ round }) => round))];
    return rounds.map((wanted) => {
      const rows = this.rows.filter(({ round }) => round === wanted);
      return median(turnsOf(rows, connections).map(value));
    });
  }
}

/**
 * Each turn as a function from a contestant to what was measured of it.
 *
 * @param {Row[]} rows
 * @param {number} connections
 * @returns {Turn[]}
 */
function turnsOf(rows, connections) {
  /** @type {Map<number, Map<string, Row>>} */
  const turns = new Map();
  for (const row of rows.filter((row) => row.connections === connections)) {
    const turn = turns.get(row.turn) ?? new Map();
    turns.set(row.turn, turn.set(row.contestant, row));
  }
  return [...turns.values()].map((turn) => (contestant) => turn.get(contestant) ?? /** @type {Row} */ ({}));
}

/**
 * @param {string} what
 * @param {number[]} ratios
 * @param {number} least
 */
export function atLeast(what, ratios, least) {
  const { median } = confidence(ratios);
  return { what, target: `>= ${short(least)}`, measured: spread(ratios), reached: median >= least };
}

/**
 * @param {string} what
 * @param {number[]} ratios
 * @param {number} most
 */
function atMost(what, ratios, most) {
  const { median } = confidence(ratios);
  return { what, target: `<= ${short(most)}`, measured: spread(ratios), reached: median <= most };
}

/** @param {number[]} ratios */
function spread(ratios) {
  const { median, lower, upper } = confidence(ratios);
  return `${short(median)} (${short(lower)}–${short(upper)})`;
}

/** @param {ReturnType<typeof confidence>} values */
export function micros({ median, lower, upper }) {
  return `${median.toFixed(1)} us (${lower.toFixed(1)}–${upper.toFixed(1)})`;
}

/** @param {number} value */
export function short(value) {
  return Number(value.toPrecision(3)).toString();
}
