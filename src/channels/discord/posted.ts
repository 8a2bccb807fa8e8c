/** The stored state of an incident's messages in Discord. */
export interface Posted {
  /** The current message. */
  readonly id: string;
  /** The thread that was opened for them. */
  readonly thread?: string | undefined;
  /** Older messages that do not point to the newer one yet. */
  readonly superseded: readonly string[];
}

const MAX_SUPERSEDED = 3;
const WRITTEN = /^(?:(\d+)\/)?(\d+(?:,\d+)*)$/;

/** `thread/id,older,older`; everything except the id is optional. */
export function writePosted({ id, thread, superseded }: Posted): string {
  return `${thread === undefined ? '' : `${thread}/`}${[id, ...superseded.slice(0, MAX_SUPERSEDED)].join(',')}`;
}

export function readPosted(written = ''): Posted | undefined {
  const [, thread, ids] = WRITTEN.exec(written) ?? [];
  const [id, ...superseded] = ids?.split(',') ?? [];
  return id === undefined ? undefined : { id, thread, superseded };
}
