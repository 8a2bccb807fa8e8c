import { anIncident } from '../../../test/support/alerts.js';
import { Sent } from '../../../test/unit/outgoing.js';
import type { AlertChannel } from '../../model/alert-channel.js';
import type { IncidentNotes } from './incident-notes.js';
import { batchesOf } from './batches.js';

const channel: AlertChannel = { name: 'chat', send: () => undefined, sendBatch: () => undefined };
const notes = (read: IncidentNotes['read']): IncidentNotes => ({ read, write: () => Promise.resolve() });
const noted = notes(() => Promise.resolve('message 1'));
const counts = (batches: readonly (readonly Pick<Sent, 'alert'>[])[]): number[][] =>
  batches.map((batch) => batch.map(({ alert }) => alert.count));

describe('batchesOf', () => {
  it('puts the worst first, by how far each is over, in chunks that the channel takes', async () => {
    const outgoing = [20, 50, 30, 40].map((count) => new Sent({ count }));
    outgoing.push(new Sent({ count: 25, threshold: 1 }));
    expect(counts(await batchesOf(outgoing, { ...channel, batchSize: 2 }))).toEqual([[25, 50], [40, 30], [20]]);
  });

  it('takes 25 where the channel does not say, and a threshold of 0 as if it were 1', async () => {
    const outgoing = Array.from({ length: 30 }, (_, count) => new Sent({ count, threshold: 0 }));
    const batches = counts(await batchesOf(outgoing, channel));
    expect(batches.map(({ length }) => length)).toEqual([25, 5]);
    expect(batches.flat()).toEqual(Array.from({ length: 30 }, (_, i) => 29 - i));
  });

  it.each([0, -1, NaN, Infinity])('loses nothing where the size of a batch is said to be %d', async (batchSize) => {
    const outgoing = [new Sent({ count: 20 }), new Sent({ count: 30 })];
    expect(counts(await batchesOf(outgoing, { ...channel, batchSize }))).toEqual([[30, 20]]);
  });

  it('sends one by one, in order, where the channel takes no batches', async () => {
    const outgoing = [20, 50].map((count) => new Sent({ count }));
    expect(counts(await batchesOf(outgoing, { name: 'log', send: () => undefined }))).toEqual([[20], [50]]);
  });

  it('sends alone what changes a message that is there, and nothing that opens one', async () => {
    const outgoing = [
      new Sent(anIncident('escalated', { count: 99 }), noted),
      new Sent(anIncident('opened', { count: 30 }), noted),
      new Sent(
        anIncident('resolved', { count: 40 }),
        notes(() => Promise.resolve(undefined)),
      ),
    ];
    expect(counts(await batchesOf(outgoing, channel))).toEqual([[40, 30], [99]]);
  });

  it('sends with the others what has notes that cannot be read', async () => {
    const lost = notes(() => Promise.reject(new Error('away')));
    const outgoing = [new Sent({ count: 20 }), new Sent(anIncident('escalated', { count: 30 }), lost)];
    expect(counts(await batchesOf(outgoing, channel))).toEqual([[30, 20]]);
  });
});
