/** What a channel may say of an alert that it could not send. */
export interface DeliveryFault {
  /** Whether the same alert may be sent again a little later. */
  retry: boolean;
  /** How long to wait before that, in milliseconds, where the other side said so. */
  retryAfterMs?: number | undefined;
  /** The channel is of no more use: nothing is sent through it until the app is started anew. */
  switchOff?: boolean | undefined;
}

/** Why an alert could not be sent, and what is to be done about it. Its message reaches the log: never put a URL or a key there. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly retry: boolean;
  readonly retryAfterMs: number | undefined;
  readonly switchOff: boolean;

  constructor(message: string, { retry, retryAfterMs, switchOff = false }: DeliveryFault) {
    super(message);
    this.retry = retry;
    this.retryAfterMs = retryAfterMs;
    this.switchOff = switchOff;
  }
}
