import { chunks } from '../util/chunks.js';
import { isRecord } from '../util/shapes.js';
import { storeReasonOf } from '../util/text.js';
import { Turns } from '../util/turns.js';
import type { DueRecords, SharedState } from './shared-state.js';

/** Losing to other replicas this often in a row means that something is wrong. */
const MAX_TRIES = 50;
/** How many records are handled in one turn of the event loop, so that requests are answered in between. */
export const MAX_IN_A_TURN = 50;
/** The schema number that this version writes. */
const SCHEMA = 1;

/** The store is available, but the record cannot be changed. */
class RecordConflict extends Error {}

/** A newer version wrote the record. */
export class NewerRecord extends RecordConflict {}

/** For work on many records: leaves out one that a newer version wrote. Rethrows any other error. */
export function unlessNewer(error: unknown): undefined {
  if (!(error instanceof NewerRecord)) throw error;
  return undefined;
}

/** Names a service and environment, so that those that share a store leave each other's records alone. */
export function scopeOf({
  service = '',
  environment = '',
}: {
  readonly service?: string | undefined;
  readonly environment?: string | undefined;
}): string {
  return [service, environment].map(encodeURIComponent).join(':');
}

/** The outcome of a change. */
interface Changed<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/**
 * Records of one kind, as JSON with a `schema` number. One that cannot be parsed is treated as missing, and the next change replaces it;
 * one that a newer version wrote is left untouched.
 */
export class Records<T extends object> {
  /** Texts of records as read, so that a following change need not read again. */
  private readonly texts = new WeakMap<T, string>();
  /** Spreads requests to the store over turns: thousands of changes may begin at once, such as when a channel works again. */
  private readonly asked = new Turns(MAX_IN_A_TURN);
  /** Spreads its answers over turns: thousands may come at once, and those of a store in memory always do. */
  private readonly answered = new Turns(2 * MAX_IN_A_TURN);

  /**
   * @param dueAt - When a record must be processed, in milliseconds since the epoch; undefined for never.
   * @param isOne - Whether a record has the right shape. Anything else is treated as missing.
   */
  constructor(
    private readonly state: SharedState,
    private readonly kind: string,
    private readonly dueAt: (record: T) => number | undefined = () => undefined,
    private readonly isOne: (record: Partial<T>) => boolean = () => true,
  ) {}

  /** The newest `most` records (1,000 by default), newest first. */
  async list(most?: number): Promise<T[]> {
    return [...(await this.entries(most)).values()];
  }

  /** The newest `most` records by id, newest first. */
  async entries(most?: number): Promise<Map<string, T>> {
    const found = new Map<string, T>();
    for (const [id, text] of await this.state.list(this.kind, most)) {
      const record = this.parsed(text);
      if (record) found.set(id, record);
    }
    return found;
  }

  async read(id: string): Promise<T | undefined> {
    return (await this.readAll([id]))[0];
  }

  /** In the order of `ids`. */
  async readAll(ids: readonly string[]): Promise<(T | undefined)[]> {
    return (await this.textsOf(ids)).map((text) => this.parsed(text));
  }

  /** The records that are due. */
  due(until: number, most: number): Promise<DueRecords> {
    return this.state.due(this.kind, until, most);
  }

  /** Writes records again unchanged, after the store has lost their due times. */
  async rewrite(most: number): Promise<void> {
    const texts = await this.state.list(this.kind, most);
    for (const some of chunks([...texts], MAX_IN_A_TURN)) {
      await this.answered.mine(some.length);
      await Promise.all(
        some.map(async ([id, text]) => {
          const record = this.parsed(text);
          if (record) await this.state.swap(this.kind, id, text, text, this.dueAt(record));
        }),
      );
    }
  }

  /**
   * Changes a record atomically: `change` is called again if another replica was faster.
   *
   * @param seen - The record as read earlier, if it was.
   * @throws if a newer version wrote the record, or the store is away.
   */
  async change(id: string, change: (record: T | undefined) => T | undefined, seen?: T): Promise<Changed<T>> {
    let text = seen && this.texts.get(seen);
    let before = seen;
    if (text === undefined) [text, before] = this.recordOf((await this.textsOf([id]))[0]);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const after = change(before);
      if (after === before && after !== undefined) return { before, after };
      const next = after && JSON.stringify({ schema: SCHEMA, ...after });
      if (next === text) return { before, after };
      const outcome = await this.state.swap(this.kind, id, text, next, after && this.dueAt(after));
      await this.answered.mine();
      if (outcome.swapped) return { before, after };
      [text, before] = this.recordOf(outcome.found);
    }
    throw new RecordConflict(`other replicas keep changing a record of ${this.kind}`);
  }

  private async textsOf(ids: readonly string[]): Promise<(string | undefined)[]> {
    await this.asked.mine();
    const found = await this.state.read(this.kind, ids);
    await this.answered.mine(ids.length);
    return found;
  }

  /** @throws if a newer version wrote the record. */
  private recordOf(text: string | undefined): [text: string | undefined, record: T | undefined] {
    const record = parse(text);
    if (isNewer(record)) throw new NewerRecord(`a record of ${this.kind} was written by a newer version`);
    return [text, this.ofShape(record)];
  }

  /** Parses a record for reading; undefined if a newer version wrote it. */
  private parsed(text: string | undefined): T | undefined {
    const parsed = parse(text);
    const record = isNewer(parsed) ? undefined : this.ofShape(parsed);
    if (record) this.texts.set(record, text as string);
    return record;
  }

  private ofShape(parsed: Parsed): T | undefined {
    const record = withoutSchema<T>(parsed);
    return record && this.isOne(record) ? record : undefined;
  }
}

type Parsed = Record<string, unknown> | undefined;

function isNewer(record: Parsed): boolean {
  return Number(record?.schema) > SCHEMA;
}

/** Copied, because deleting a property would make the object slow to copy and to serialize. */
function withoutSchema<T>(parsed: Parsed): T | undefined {
  if (!parsed) return undefined;
  const { schema, ...record } = parsed;
  return (schema === undefined ? parsed : record) as T;
}

function parse(text: string | undefined): Parsed {
  try {
    const parsed: unknown = JSON.parse(text ?? 'null');
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Runs work that needs the store.
 *
 * @param failed - The consequence if the store is away or refuses it: `The mute was not set`.
 * @throws an Error in plain words.
 */
export function withStore<T>(failed: string, work: () => Promise<T>): Promise<T> {
  // Not with the error as its cause: ioredis keeps the command in it, and if a node of a Cluster refuses us, that is AUTH with the password.
  return work().catch((error: unknown) => {
    throw new Error(`${failed}: ${inPlainWords(error)}`);
  });
}

/** ioredis describes its own state; people want to know what is wrong and what to do. */
function inPlainWords(error: unknown): string {
  const reason = storeReasonOf(error);
  if (error instanceof RecordConflict) return reason;
  if ((Object(error) as Error).name === 'ReplyError') return `the store refused it (${reason})`;
  const again = 'Try again when it is back';
  if (/timed out/.test(reason)) return `the store is away (it does not answer). ${again}`;
  return `the store is away (${reason}). ${again}`;
}
