import { DeliveryError, type DeliveryFault } from './delivery-error.js';

describe('a DeliveryError', () => {
  it('carries what happened, and when to retry', () => {
    const error = new DeliveryError('answered 503', { retry: true, retryAfterMs: 5 });
    expect(error).toMatchObject({ message: 'answered 503', retry: true, retryAfterMs: 5, probe: false });
  });

  it.each([
    [{ retry: false, retryAfter: 5 }, 'retryAfter is not an option of DeliveryError: write retryAfterMs'],
    [
      undefined,
      'the options of DeliveryError are undefined: write an object with retry, retryAfterMs, probe, switchOff',
    ],
  ])('created with %p also names that, and keeps its own reason', (fault, problem) => {
    const error = new DeliveryError('answered 503', fault as DeliveryFault);
    expect(error.message).toBe(`answered 503; ${problem}`);
    expect(error.retry).toBe(fault?.retry);
  });

  it('takes over the options of another one, as in a channel that wraps another', () => {
    const { message, retry, switchOff } = new DeliveryError(
      'relay',
      new DeliveryError('gone', { retry: false, switchOff: true }),
    );
    expect([message, retry, switchOff]).toEqual(['relay', false, true]);
  });
});
