import { median, summary } from '../lib/statistics.mjs';

export const NOTHING = 'do-nothing guard';
export const THROTTLER = 'throttler, Redis';
const REDIS_PEERS = [THROTTLER, 'rate-limiter-flexible, Redis', 'MULTI INCR EXPIRE'];

/** Holds contestants against each other turn by turn: what a machine does to one at that time, it does to all. */
export class Comparison {
  constructor(rows) {
    this.rows = rows;
  }

  ratio(what, contestant, reference, connections, least) {
    const ratios = this.#perTurn(
      (of) => of(contestant).requestsPerSecond / of(reference).requestsPerSecond,
      connections,
    );
    return atLeast(what, ratios, least);
  }

  aboveAll(what, contestant, connections) {
    const best = (of) => Math.max(...REDIS_PEERS.map((peer) => of(peer).requestsPerSecond));
    return atLeast(
      what,
      this.#perTurn((of) => of(contestant).requestsPerSecond / best(of), connections),
      1,
    );
  }

  /** Medians are taken of what is added, before the ratio: a small difference of two noisy figures is not to be divided by. */
  added(what, contestant, reference, connections, most) {
    const added = (name) => summary(this.#perTurn((of) => of(name).appCpuUs - of(NOTHING).appCpuUs, connections));
    const [own, others] = [added(contestant), added(reference)];
    return {
      what,
      target: `<= ${short(most)}`,
      measured: `${short(own.median / others.median)}: ${micros(own)} of ${micros(others)}`,
      // What adds nothing adds no more than any other.
      reached: own.median <= Math.max(most * others.median, 0),
    };
  }

  redisCpu(what, contestant, most) {
    // Over what Redis uses while nobody asks it anything.
    const used = (of, name) => of(name).redisCpuUs - of(NOTHING).redisCpuUs;
    return atMost(
      what,
      this.#perTurn((of) => used(of, contestant) / used(of, THROTTLER), 200),
      most,
    );
  }

  latency(contestant) {
    const added = median(this.#perTurn((of) => of(contestant).p50Us - of(NOTHING).p50Us, 1));
    const inGuard = median(this.#perTurn((of) => of('guard awaiting PING').p50Us - of(NOTHING).p50Us, 1));
    const ping = median(this.rows.filter(({ contestant }) => contestant === 'PING').map(({ p50Us }) => p50Us));
    return {
      what: 'latency added at p50, `await`, 1 connection',
      target: `<= PING + 50 us = ${ping + 50} us`,
      measured: `${added} us (a guard awaiting one PING adds ${inGuard} us)`,
      reached: added <= ping + 50,
    };
  }

  #perTurn(value, connections) {
    const turns = new Map();
    for (const row of this.rows.filter((row) => row.connections === connections)) {
      const turn = `${row.round}/${row.turn}`;
      if (!turns.has(turn)) turns.set(turn, new Map());
      turns.get(turn).set(row.contestant, row);
    }
    return [...turns.values()].map((turn) => value((contestant) => turn.get(contestant) ?? {}));
  }
}

function atLeast(what, ratios, least) {
  const { median } = summary(ratios);
  return { what, target: `>= ${short(least)}`, measured: spread(ratios), reached: median >= least };
}

function atMost(what, ratios, most) {
  const { median } = summary(ratios);
  return { what, target: `<= ${short(most)}`, measured: spread(ratios), reached: median <= most };
}

function spread(ratios) {
  const { median, lower, upper } = summary(ratios);
  return `${short(median)} (${short(lower)}–${short(upper)})`;
}

function micros({ median, lower, upper }) {
  return `${median.toFixed(1)} us (${lower.toFixed(1)}–${upper.toFixed(1)})`;
}

export function short(value) {
  return Number(value.toPrecision(3)).toString();
}
