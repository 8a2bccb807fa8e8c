/** What a channel knows of an alert that it could not send. */
export interface DeliveryFault {
  /** Whether the same message may go through later. `false`: it would be refused again. */
  retry: boolean;
  /** How long the other side wants to be left alone, in milliseconds. */
  retryAfterMs?: number | undefined;
  /**
   * The address or its credentials seem wrong, for now: a deployment or a clock that is off looks the same. The channel is tried now and
   * then, with one alert, until it answers otherwise.
   */
  probe?: boolean | undefined;
  /** The address is gone for good: nothing is sent through the channel until a test alert goes through. */
  switchOff?: boolean | undefined;
}

/** Two copies of this package, CommonJS and ES modules, may meet in one process: `instanceof` would not know the other's errors. */
const BRAND = Symbol.for('nestjs-rate-monitor:delivery-error');

/** Why an alert could not be sent, and what follows. Its message reaches the log: never put an address or a key there. */
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

  constructor(message: string, { retry, retryAfterMs, probe = false, switchOff = false }: DeliveryFault) {
    super(message);
    this.retry = retry;
    this.retryAfterMs = retryAfterMs;
    this.probe = probe;
    this.switchOff = switchOff;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether it is a {@link DeliveryError}, of this copy of the package or of another. */
export function isDeliveryError(error: unknown): error is DeliveryError {
  return (Object(error) as Record<symbol, unknown>)[BRAND] === true;
}

/**
 * What an error of a channel states about its delivery. It never throws: a channel of the app's may throw a proxy, or what answers with
 * nonsense.
 */
export function deliveryFaultIn(error: unknown): Partial<DeliveryFault> {
  try {
    const { retry, retryAfterMs, probe, switchOff } = Object(error) as Partial<Record<keyof DeliveryFault, unknown>>;
    return {
      ...(retry === false ? { retry } : {}),
      // What an app's own channel made of a header may be NaN.
      ...(typeof retryAfterMs === 'number' && retryAfterMs > 0 ? { retryAfterMs } : {}),
      probe: Boolean(probe),
      switchOff: Boolean(switchOff),
    };
  } catch {
    return {};
  }
}
