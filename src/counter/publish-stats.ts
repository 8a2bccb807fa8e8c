/** Number and duration of publishes since the start. */
export class PublishStats {
  /** Calls to the store, and those of them that failed or were refused. */
  publishes = 0;
  failures = 0;
  /** Total duration of the calls, in milliseconds. */
  publishMs = 0;
  /** Requests that waited for a publish. */
  waits = 0;
  /** How long they waited in total, in milliseconds. */
  waitMs = 0;

  /** Called with the duration of each call, in milliseconds. They must not throw. */
  readonly listeners = new Set<(ms: number) => void>();

  /** Starts timing a call to the store; call the returned function when it ends. */
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
