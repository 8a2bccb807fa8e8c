import type { AlertChannel } from '../../model/alert-channel.js';
import type { RateAlert } from '../../model/rate-alert.js';
import type { Outgoing } from './outgoing.js';

/** What a channel that does not say it takes at once. */
const BATCH_SIZE = 25;

/**
 * What goes out together, the worst first. An alert whose incident the channel has notes on goes alone: it changes what is already
 * there.
 */
export async function batchesOf(outgoing: readonly Outgoing[], channel: AlertChannel): Promise<Outgoing[][]> {
  if (!channel.sendBatch) return outgoing.map((one) => [one]);
  const noted = await Promise.all(outgoing.map(hasNotes));
  const alone = outgoing.filter((_, i) => noted[i]);
  const together = outgoing.filter((_, i) => !noted[i]).sort((a, b) => ratio(b.alert) - ratio(a.alert));
  return [...chunks(together, sizeOf(channel)), ...alone.map((one) => [one])];
}

async function hasNotes({ alert, notes }: Outgoing): Promise<boolean> {
  if (!notes || alert.incident?.status === 'opened') return false;
  // Where it cannot be known the alert still goes out, if not where it belongs.
  return (await notes.read().catch(() => undefined)) !== undefined;
}

/** Channels may be the app's own: a size that is none would lose what is to be sent. */
function sizeOf({ batchSize = BATCH_SIZE }: AlertChannel): number {
  return batchSize >= 1 ? Math.min(Math.floor(batchSize), Number.MAX_SAFE_INTEGER) : BATCH_SIZE;
}

function ratio({ count, threshold }: RateAlert): number {
  return count / Math.max(threshold, 1);
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
