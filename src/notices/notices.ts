import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';

import type { Logger } from '@nestjs/common';

import { deliveryFaultIn } from '../model/delivery-error.js';
import type { Notice, NoticeOutcome } from '../model/notice.js';
import { scopeOf } from '../store/records.js';
import type { SharedState } from '../store/shared-state.js';
import { untraced } from '../util/optional-peers.js';
import { reasonOf } from '../util/text.js';
import { within } from '../util/within.js';
import { SEND_WITHIN_MS, type NamedChannel } from '../alert/sending/channel-delivery.js';
import { wants } from '../alert/sending/what-is-due.js';

/** What notices need from the rest of the module. */
export interface NoticeSettings {
  readonly channels: readonly NamedChannel[];
  readonly state: SharedState;
  readonly service: string | undefined;
  readonly environment: string | undefined;
  /** The address of the page. */
  readonly publicUrl: string | undefined;
  readonly shutdownFlushMs: number;
  /** The store's clock. */
  readonly now: () => number;
  /** How long to wait before each retry, in milliseconds. */
  readonly retryAfterMs?: readonly number[];
}

/** A notice without the fields that are the same throughout the app. */
export type NewNotice = Omit<Notice, 'at' | 'service' | 'environment' | 'link'>;

const RETRY_AFTER_MS = [1_000, 5_000, 20_000];
const MAX_NOTICE_WAIT_MS = 30_000;
const MAX_REMEMBERED = 500;

/** Sends notices to the channels that take them. Failures are retried and logged, and affect nothing else. */
export class Notices {
  private readonly sending = new Set<Promise<unknown>>();
  /** Records of notices that could not be sent. The store may have them still, if it was away. */
  private readonly unsent = new Map<string, string>();
  private readonly ending = new AbortController();
  /** Notices are sent outside any request's async context. */
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly settings: NoticeSettings,
    private readonly logger: Pick<Logger, 'warn' | 'error'>,
  ) {}

  /** Sends a notice and returns the outcome in each channel that takes it. Never rejects. */
  async send(notice: NewNotice): Promise<NoticeOutcome[]> {
    const { channels, service, environment, publicUrl, now } = this.settings;
    const complete: Notice = { ...notice, service, environment, link: publicUrl, at: new Date(now()) };
    const run = await untraced();
    const sending = Promise.all(
      channels
        .filter(({ channel }) => channel.notify && wants(channel, complete.category, complete))
        .map((named) => this.outside(() => run(() => this.deliver(named, complete)))),
    );
    this.sending.add(sending);
    return sending.finally(() => this.sending.delete(sending));
  }

  /**
   * Sends a notice once for all replicas, from the first replica that calls this. What fails meanwhile is tried again.
   *
   * @param key - The same in all replicas, and different for each notice.
   * @returns undefined if another replica sends it. Rejects if the store stays away or `make` keeps rejecting; it may be called again then.
   */
  async sendOnce(key: string, make: () => Promise<NewNotice>): Promise<NoticeOutcome[] | undefined> {
    const { state, now, retryAfterMs = RETRY_AFTER_MS } = this.settings;
    const kind = `notices:${scopeOf(this.settings)}`;
    const record = this.unsent.get(key) ?? JSON.stringify({ at: Math.round(now()), by: randomUUID() });
    this.unsent.delete(key);
    for (let tries = 0; ; tries++) {
      try {
        const taken = await state.swap(kind, key, undefined, record);
        // Its own, if the answer to an earlier try was lost.
        if (!taken.swapped && taken.found !== record) return undefined;
        const notice = await make();
        await state.trim(kind, MAX_REMEMBERED).catch(() => undefined);
        return await this.send(notice);
      } catch (error) {
        const waitMs = retryAfterMs[tries];
        if (waitMs !== undefined && (await this.hasWaited(waitMs))) continue;
        for (const old of [...this.unsent.keys()].slice(MAX_REMEMBERED - 1)) this.unsent.delete(old);
        this.unsent.set(key, record);
        await state.swap(kind, key, record, undefined).catch(() => undefined);
        throw error;
      }
    }
  }

  /** Waits for notices that are being sent, without retries. */
  async stop(): Promise<void> {
    this.ending.abort();
    await within(Promise.all(this.sending), this.settings.shutdownFlushMs, 'not sent').catch(() => undefined);
  }

  private async deliver({ name, channel }: NamedChannel, notice: Notice): Promise<NoticeOutcome> {
    const { retryAfterMs = RETRY_AFTER_MS } = this.settings;
    for (let tries = 1; ; tries++) {
      try {
        await within(Promise.resolve(channel.notify?.(copyOf(notice))), SEND_WITHIN_MS, 'no answer', false);
        return { channel: name, delivered: true };
      } catch (error) {
        const reason = reasonOf(error);
        const { retry, retryAfterMs: asked = 0 } = deliveryFaultIn(error);
        const waitMs = Math.max(retryAfterMs[tries - 1] ?? 0, Math.min(asked, MAX_NOTICE_WAIT_MS));
        const isLast = retry === false || tries > retryAfterMs.length || this.ending.signal.aborted;
        if (tries === 1 && !isLast)
          this.logger.warn(`The ${name} channel could not send a notice (${reason}): it will be retried`);
        if (isLast || !(await this.hasWaited(waitMs))) {
          this.logger.error(`The ${name} channel did not send a notice (${reason}): ${notice.title}`);
          return { channel: name, delivered: false, reason };
        }
      }
    }
  }

  /** Resolves to false if the app stops first. */
  private hasWaited(ms: number): Promise<boolean> {
    return after(ms, true, { ref: false, signal: this.ending.signal }).catch(() => false);
  }
}

/** A copy, because a custom channel may change what it is given. */
function copyOf(notice: Notice): Notice {
  return { ...notice, lines: [...notice.lines], ...(notice.change ? { change: { ...notice.change } } : {}) };
}
