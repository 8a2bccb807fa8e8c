import type { SharedState } from './shared-state.js';

/** So many others are never faster in a row: something is wrong. */
const MOST_TRIES = 50;

/** What a change has come to. */
export interface Changed<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** Records of one kind, as JSON. */
export class Records<T extends object> {
  constructor(
    private readonly state: SharedState,
    private readonly kind: string,
  ) {}

  async list(): Promise<T[]> {
    const found = await this.state.list(this.kind);
    return Array.from(found.values(), (text) => JSON.parse(text) as T);
  }

  async read(id: string): Promise<T | undefined> {
    return parse<T>(await this.state.read(this.kind, id));
  }

  /** Changes a record as if nobody else did: `change` is asked again where another replica was faster. */
  async change(id: string, change: (record: T | undefined) => T | undefined): Promise<Changed<T>> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const found = await this.state.read(this.kind, id);
      const [before, after] = [parse<T>(found), change(parse<T>(found))];
      const next = after && JSON.stringify(after);
      if (next === found || (await this.state.swap(this.kind, id, found, next))) return { before, after };
    }
    throw new Error(`a record of ${this.kind} is changed by others without end`);
  }
}

function parse<T>(text: string | undefined): T | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as T);
}
