import type { AlertChannel } from '../model/alert-channel.js';
import type { ThresholdChange } from '../model/threshold-override.js';
import type { SayOnce } from '../util/say-once.js';
import { reasonOf } from '../util/text.js';

/** Gives a changed threshold to the channels that take it. What one of them throws is logged once, and reaches nobody else. */
export function tellOfThreshold(
  channels: readonly { readonly name: string; readonly channel: AlertChannel }[],
  change: ThresholdChange,
  once: SayOnce,
): void {
  for (const { name, channel } of channels) {
    const failed = (error: unknown): void =>
      once.warn(
        `thresholdChanged ${name}`,
        () => `Channel ${name} did not take a changed threshold (${reasonOf(error)})`,
      );
    void Promise.resolve()
      .then(() => channel.thresholdChanged?.({ ...change }))
      .catch(failed);
  }
}
