import { LRUCache } from 'lru-cache';

import { tenantKey, type Tenant } from '../model/tenant.js';
import { keptTenant } from '../model/tenant-attributes.js';
import type { ThresholdResolver } from '../model/category.js';
import { ANSWER_WITHIN_MS, isThenable } from '../util/guest-function.js';
import { copied, kindOf, reasonOf } from '../util/text.js';
import { within } from '../util/within.js';

/** Limits of the cache, in answers and in characters, because ids come from outside. */
const MAX_KEPT = 10_000;
const MAX_KEPT_CHARACTERS = 4_000_000;
const FIRST_CALL_AGAIN_MS = 1_000;
const LAST_CALL_AGAIN_MS = 60_000;

/**
 * Limits how many calls of threshold functions run at once, and how many wait for their turn: while a function hangs, all of them would.
 */
export class CallLimit {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(
    atOnce = 50,
    private readonly mostWaiting = MAX_KEPT,
  ) {
    this.free = atOnce;
  }

  get isFree(): boolean {
    return this.free > 0;
  }

  async run<T>(work: () => T | PromiseLike<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else if (this.waiting.length >= this.mostWaiting) throw new Error(`${this.mostWaiting} tenants wait for theirs`);
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}

/** What is known about one tenant's threshold. */
interface Kept {
  /** The last good answer, when it was given, and until when it is fresh. */
  value?: number;
  answeredAt: number;
  freshUntil: number;
  /** The call in progress. */
  asking?: Promise<number> | undefined;
  failures: number;
  error?: Error;
}

interface ThresholdFunctionOptions {
  /** How long an answer is cached, in milliseconds. */
  readonly ttlMs: number;
  readonly limit: CallLimit;
  /** Called if an answer differs from the previous one. */
  readonly changed: () => void;
  /** Milliseconds since an arbitrary moment. */
  readonly now: () => number;
}

/**
 * Caches the thresholds that the app's function returns for each tenant. A tenant has at most one call in progress. While calls fail, the
 * last good answer applies, and retries back off.
 */
export class ThresholdFunction {
  private readonly kept = new LRUCache<string, Kept>({
    max: MAX_KEPT,
    maxSize: MAX_KEPT_CHARACTERS,
    sizeCalculation: (_kept, key) => key.length + 100,
  });

  constructor(
    private readonly ask: ThresholdResolver,
    private readonly options: ThresholdFunctionOptions,
  ) {}

  /**
   * The tenant's threshold: the last known one immediately, even while a newer one is being fetched; otherwise a promise, which rejects if
   * the function fails.
   */
  of(tenant: Tenant): number | Promise<number> {
    const key = tenantKey(tenant.id);
    const known = this.kept.get(key);
    if (known && (this.options.now() < known.freshUntil || known.asking)) return this.answer(known);
    const kept: Kept = known ?? { answeredAt: 0, freshUntil: 0, failures: 0 };
    this.kept.set(copied(key), kept);
    this.call(kept, tenant);
    return this.answer(kept);
  }

  /** The last known threshold of a tenant, by its key, unless it is older than `maxAgeMs`. Does not call the function. */
  known(key: string, maxAgeMs = Infinity): number | undefined {
    const kept = this.kept.peek(key);
    return kept && this.options.now() - kept.answeredAt <= maxAgeMs ? kept.value : undefined;
  }

  private answer({ value, asking, error }: Kept): number | Promise<number> {
    if (value !== undefined) return value;
    return asking ?? Promise.reject(error ?? new Error('not known yet'));
  }

  private call(kept: Kept, tenant: Tenant): void {
    // A copy, because the request's own tenant may be large, and would stay in memory until the function has answered.
    const copy = keptTenant(tenant);
    const { limit } = this.options;
    let ask = (): number | Promise<number> => this.ask(copy);
    if (limit.isFree) {
      try {
        const now = this.ask(copy);
        if (!isThenable(now)) return void this.answered(kept, now);
        ask = () => now;
      } catch (error) {
        return void this.failed(kept, error);
      }
    }
    const asking = limit.run(() => within(Promise.resolve().then(ask), ANSWER_WITHIN_MS, 'no answer', false));
    kept.asking = asking
      .then((value) => this.answered(kept, value))
      .catch((error: unknown) => {
        throw this.failed(kept, error);
      });
    // The promise may have no listener.
    kept.asking.catch(() => undefined);
  }

  private answered(kept: Kept, value: unknown): number {
    if (typeof value !== 'number' || Number.isNaN(value) || value < 0)
      throw new Error(
        `the threshold function returned ${typeof value === 'number' ? value : kindOf(value)}: return a number, 0 or more, or Infinity for no limit`,
      );
    const isAnother = kept.value !== undefined && kept.value !== value;
    const now = this.options.now();
    Object.assign(kept, {
      value,
      answeredAt: now,
      freshUntil: now + this.options.ttlMs,
      asking: undefined,
      failures: 0,
    });
    if (isAnother) this.options.changed();
    return value;
  }

  private failed(kept: Kept, error: unknown): Error {
    const pauseMs = Math.min(FIRST_CALL_AGAIN_MS * 2 ** kept.failures++, LAST_CALL_AGAIN_MS);
    const reason = new Error(reasonOf(error));
    Object.assign(kept, { error: reason, freshUntil: this.options.now() + pauseMs, asking: undefined });
    return reason;
  }
}
