import type { SharedState } from '../../store/shared-state.js';
import { SEND_LEASE_MS } from './which-replica-sends.js';

/** Lease of the replica that handles due records. The others handle only overdue ones. */
const LOOK_LEASE_MS = 2_500;
/** The minimum time between two attempts, and how long before its end a lease counts as expired. */
const MARGIN_MS = 250;

/** The part of a channel that its lease depends on. */
interface Leased {
  readonly key: string;
  readonly isGrouped: boolean;
}

/** Elects one replica to look at due records, and one to send for each channel that groups alerts. Other channels need no lease. */
export class Leases {
  private readonly held = new Map<string, { readonly until: number; readonly askedAt: number }>();
  /** Why the leases of channels cannot be claimed, by the channel's key. */
  private readonly refusals = new Map<string, unknown>();

  constructor(
    private readonly state: SharedState,
    private readonly scope: string,
    private readonly me: string,
    private readonly isAway: () => boolean,
  ) {}

  /**
   * Whether this replica is elected to look at due records. Called once a second.
   *
   * @throws if the store is away.
   */
  leads(): Promise<boolean> {
    return this.state.claim(this.lookLease, this.me, LOOK_LEASE_MS);
  }

  /** Whether this replica sends for a channel. While the store is away, each replica sends what it knows. */
  holds({ key, isGrouped }: Leased): boolean {
    return !isGrouped || this.isAway() || (this.held.get(key)?.until ?? 0) > performance.now();
  }

  /**
   * Takes or extends the lease of a channel if needed. If the store refuses it, each replica sends what it claims, because otherwise nobody
   * would. The record of each incident still names one sender.
   */
  async claim({ key, isGrouped }: Leased): Promise<void> {
    if (!isGrouped || this.isAway()) return;
    const { until = 0, askedAt = -Infinity } = this.held.get(key) ?? {};
    const now = performance.now();
    if (until > now + SEND_LEASE_MS / 2 || askedAt > now - MARGIN_MS) return;
    this.held.set(key, { until, askedAt: now });
    let isMine = true;
    try {
      isMine = await this.state.claim(this.leaseOf(key), this.me, SEND_LEASE_MS);
      this.refusals.delete(key);
    } catch (error) {
      this.refusals.set(key, error);
    }
    this.held.set(key, { until: isMine ? now + SEND_LEASE_MS - MARGIN_MS : 0, askedAt: now });
  }

  /** @throws why a channel's lease cannot be claimed, so that the poller logs it. */
  throwIfRefused(): void {
    for (const error of this.refusals.values()) throw error;
  }

  async release(): Promise<void> {
    const leases = [this.lookLease, ...Array.from(this.held.keys(), (key) => this.leaseOf(key))];
    await Promise.all(leases.map((lease) => this.state.release(lease, this.me)));
  }

  private get lookLease(): string {
    return `look:${this.scope}`;
  }

  private leaseOf(key: string): string {
    return `channel:${this.scope}:${key}`;
  }
}
