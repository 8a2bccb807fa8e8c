import { useEffect, useReducer, useRef } from 'preact/hooks';

import type { ErrorAnswer } from '../api.js';

const TIMEOUT_MS = 8_000;
const MAX_BACKOFF_MS = 10_000;

/** The page's own address, including a proxy's path. User and password are removed, because `fetch` rejects addresses with them. */
const here = new URL('.', import.meta.url);
here.username = here.password = '';

/** Notified of each change made on this page, so that the data is reloaded at once. */
const changes = new EventTarget();

/** A response that is not 2xx, with the server's reason. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(reason);
  }
}

export interface Live<T> {
  /** The last response for the current address, never for an earlier one. */
  data?: T;
  /** Server clock minus browser clock, so that "18 min" is correct even if this computer's clock is wrong. */
  skewMs: number;
  /** Time of the first of the failed requests in a row, by this browser's clock. */
  failingSince?: number;
  problem?: Refused | Error;
}

/** Polls while the tab is visible. An unchanged response (304) is cheap. */
class Poll<T extends { now: number }> {
  state: Live<T> = { skewMs: 0 };
  private etag: string | undefined;
  private timer: number | undefined;
  private failures = 0;
  private asking: AbortController | undefined;

  constructor(
    private readonly path: string,
    private readonly everyMs: number,
    private readonly changed: () => void,
  ) {}

  start(): void {
    document.addEventListener('visibilitychange', this.follow);
    changes.addEventListener('change', this.askNow);
    this.follow();
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.follow);
    changes.removeEventListener('change', this.askNow);
    this.pause();
  }

  private readonly follow = (): void => (document.hidden ? this.pause() : this.askNow());

  private readonly askNow = (): void => {
    this.pause();
    void this.ask();
  };

  private pause(): void {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.asking = undefined;
  }

  private async ask(): Promise<void> {
    const asking = new AbortController();
    this.asking = asking;
    try {
      const response = await fetch(new URL(this.path, here), {
        cache: 'no-store',
        headers: this.etag === undefined ? {} : { 'if-none-match': this.etag },
        signal: AbortSignal.any([asking.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const data = response.status === 304 ? undefined : await read<T>(response, 'now');
      if (asking.signal.aborted) return;
      this.succeed(data, response.headers.get('etag') ?? undefined);
    } catch (error) {
      if (asking.signal.aborted) return;
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
    if (!document.hidden) this.timer = setTimeout(this.askNow, this.pauseMs());
  }

  private succeed(data: T | undefined, etag: string | undefined): void {
    const wasFailing = this.failures > 0;
    this.failures = 0;
    if (data !== undefined) {
      this.etag = etag;
      this.state = { data, skewMs: data.now - Date.now() };
    } else if (wasFailing) {
      const { data: known, skewMs } = this.state;
      this.state = known === undefined ? { skewMs } : { data: known, skewMs };
    } else return;
    this.changed();
  }

  private fail(problem: Error): void {
    this.failures += 1;
    this.state = { ...this.state, problem, failingSince: this.state.failingSince ?? Date.now() };
    this.changed();
  }

  private pauseMs(): number {
    return this.failures === 0
      ? this.everyMs
      : Math.min(MAX_BACKOFF_MS, Math.max(this.everyMs, 500 * 2 ** this.failures));
  }
}

/** The live response for a path relative to the page. Without a path it sends no request. */
export function useLive<T extends { now: number }>(path: string | undefined, everyMs: number): Live<T> {
  const [, redraw] = useReducer<number, void>((n) => n + 1, 0);
  const poll = useRef<{ path: string | undefined; poll: Poll<T> | undefined }>({ path: undefined, poll: undefined });
  if (poll.current.path !== path)
    poll.current = { path, poll: path === undefined ? undefined : new Poll<T>(path, everyMs, () => redraw()) };
  const current = poll.current.poll;
  useEffect(() => {
    current?.start();
    return () => current?.stop();
  }, [current]);
  return current?.state ?? { skewMs: 0 };
}

/** Posts a change. @throws Refused with the server's reason. */
export async function post<T>(path: string, body: object): Promise<T> {
  const response = await fetch(new URL(path, here), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const answer = await read<T>(response);
  changes.dispatchEvent(new Event('change'));
  return answer;
}

/** A proxy may answer with JSON of its own, such as `{}`, which lacks the field that each response of ours `has`. */
async function read<T>(response: Response, has?: string): Promise<T> {
  const { ok, status } = response;
  const answer = objectIn(await response.text());
  if (ok && answer && (has === undefined || has in answer)) return answer as T;
  const { error } = (answer ?? {}) as Partial<ErrorAnswer>;
  const reason = ok
    ? "The answer is not the monitor's"
    : typeof error === 'string'
      ? error
      : `The server answered ${status}`;
  // A session that has expired: the server answers so, or redirects to where users sign in.
  throw new Refused(status, ok || isClosed(status) ? `${reason}. Sign in, then reload this page` : reason);
}

export function isClosed(status: number): boolean {
  return status === 401 || status === 403;
}

function objectIn(text: string): object | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}
