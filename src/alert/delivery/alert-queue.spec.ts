import { Sent } from '../../../test/unit/outgoing.js';
import type { Severity } from '../../model/level.js';
import { AlertQueue } from './alert-queue.js';

const sent = (severity: Severity): Sent => new Sent({ level: { at: 1, severity } });

describe('AlertQueue', () => {
  it('drops the oldest of the least urgent where it is full, and keeps the order of the others', () => {
    const [critical, warning, info, later] = [sent('critical'), sent('warning'), sent('info'), sent('info')];
    const queue = new AlertQueue(3);
    expect([critical, warning, info].map((one) => queue.push(one))).toEqual([undefined, undefined, undefined]);
    expect(queue.push(later)).toBe(info);
    const last = sent('warning');
    expect(queue.push(last)).toBe(later);
    const worst = sent('critical');
    expect(queue.push(worst)).toBe(warning);
    expect(queue.take('all')).toEqual([critical, last, worst]);
    expect(queue.size).toBe(0);
  });

  it('does not take one that is less urgent than all that wait', () => {
    const queue = new AlertQueue(1);
    queue.push(sent('warning'));
    const info = sent('info');
    expect(queue.push(info)).toBe(info);
    expect(queue.size).toBe(1);
  });

  it('gives what waits longest first, and says since when', () => {
    const queue = new AlertQueue(3);
    expect(queue.oldestAt).toBeUndefined();
    const [first, second] = [sent('info'), sent('critical')];
    queue.push(first);
    queue.push(second);
    expect(queue.oldestAt).toBe(first.queuedAt);
    expect([queue.take('one'), queue.take('one'), queue.take('one')]).toEqual([[first], [second], []]);
  });
});
