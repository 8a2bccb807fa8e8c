/** What publishing took since the start. */
export class PublishStats {
  /** Calls to the store, and those of them that failed or were refused. */
  publishes = 0;
  failures = 0;
  /** How long the calls took, summed, in milliseconds. */
  publishMs = 0;
  /** Requests that waited for a publish. */
  waits = 0;
  /** How long they waited, summed, in milliseconds. */
  waitMs = 0;

  /** Called with how long each call took, in milliseconds. They must not throw. */
  readonly listeners = new Set<(ms: number) => void>();

  /** A call to the store begins; what it gives is called at its end. */
  publishing(): (succeeded: boolean) => void {
    const start = performance.now();
    return (succeeded) => {
      this.publishes++;
      const ms = performance.now() - start;
      this.publishMs += ms;
      if (!succeeded) this.failures++;
      for (const listener of this.listeners) listener(ms);
    };
  }
}
