import { optionProblems } from '../util/option-names.js';
import { isError } from '../util/text.js';

/** Why a channel could not send an alert, and when to retry. */
export interface DeliveryFault {
  /** Whether the same message may be accepted later. `false`: it would be refused again, so it is retried less often. */
  retry: boolean;
  /**
   * How long to send nothing to this channel, in milliseconds; 5 minutes at most.
   * @defaultValue the usual backoff
   */
  retryAfterMs?: number | undefined;
  /**
   * The address or its credentials seem wrong, as they may during a deployment or with a wrong clock. The channel is tried with one alert
   * after 30 s, then at intervals of up to 15 minutes, until the answer changes.
   * @defaultValue false
   */
  probe?: boolean | undefined;
  /**
   * The address no longer exists: nothing is sent through the channel until a test alert goes through or the app restarts.
   * @defaultValue false
   */
  switchOff?: boolean | undefined;
}

const FAULT = ['retry', 'retryAfterMs', 'probe', 'switchOff'] satisfies (keyof DeliveryFault)[];

/**
 * Two copies of this package, CommonJS and ES modules, may share a process, and `instanceof` does not recognize errors of the other copy.
 */
const BRAND = Symbol.for('nestjs-rate-monitor:delivery-error');

/**
 * Thrown by {@link AlertChannel.send} to control retries. Its message is logged: never put an address or a key into it. Recognize one from
 * another copy of the package with {@link isDeliveryError}.
 */
export class DeliveryError extends Error {
  /** Always `DeliveryError`. */
  override readonly name = 'DeliveryError';
  /** {@inheritDoc DeliveryFault.retry} */
  readonly retry: boolean;
  /** {@inheritDoc DeliveryFault.retryAfterMs} */
  readonly retryAfterMs: number | undefined;
  /** {@inheritDoc DeliveryFault.probe} */
  readonly probe: boolean;
  /** {@inheritDoc DeliveryFault.switchOff} */
  readonly switchOff: boolean;

  /** @param message - The reason, for the log and the history; no secrets. */
  constructor(message: string, fault: DeliveryFault) {
    // Added to the message, which is logged. A TypeError would hide why the channel could not send.
    // An error that says the same is taken as it is: a channel may wrap another.
    super([message, ...(isError(fault) ? [] : optionProblems(fault, FAULT, 'DeliveryError'))].join('; '));
    const { retry, retryAfterMs, probe = false, switchOff = false } = Object(fault) as DeliveryFault;
    this.retry = retry;
    this.retryAfterMs = retryAfterMs;
    this.probe = probe;
    this.switchOff = switchOff;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether an error is a {@link DeliveryError}, from this copy of the package or another. */
export function isDeliveryError(error: unknown): error is DeliveryError {
  return (Object(error) as Record<symbol, unknown>)[BRAND] === true;
}

/**
 * What an error of a channel says about its delivery. Never throws: a channel of the app may throw a proxy, or an object with nonsense in
 * it.
 */
export function deliveryFaultIn(error: unknown): Partial<DeliveryFault> {
  try {
    const { retry, retryAfterMs, probe, switchOff } = Object(error) as Partial<Record<keyof DeliveryFault, unknown>>;
    return {
      ...(retry === false ? { retry } : {}),
      // An app's own channel may compute NaN from a header.
      ...(typeof retryAfterMs === 'number' && retryAfterMs > 0 ? { retryAfterMs } : {}),
      probe: Boolean(probe),
      switchOff: Boolean(switchOff),
    };
  } catch {
    return {};
  }
}
