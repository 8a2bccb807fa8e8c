import { oneLine } from '../../util/text.js';
import type { Secrets } from './secrets.js';

/** The response. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body if it is a JSON object, else an empty one. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The reason that the service gave, safe for the log. */
  readonly reason: string | undefined;
}

/** How much of a body is read; the longest Discord message is well below. */
const MAX_BYTES = 64 * 1024;
/** How much of a reason is examined; most of it is shown. */
const MAX_REASON = 400;
/** A response that is not JSON may be a single word: Slack sends `invalid_blocks`. */
const ONE_WORD = /^[a-z_]{1,60}$/;

/** Reads a response, whose body may be long, incomplete or anything else. */
export async function readAnswer(response: Response, secrets: Secrets): Promise<Answer> {
  const body = await readBody(response);
  const json = parse(body);
  const given = (typeof json.message === 'string' ? json.message : body.trim()).slice(0, MAX_REASON);
  const isReadable = typeof json.message === 'string' || ONE_WORD.test(given);
  // A server may respond "Cannot POST /the/secret/path".
  const reason = isReadable && !secrets.areIn(given) ? oneLine(given, 100) : undefined;
  return { status: response.status, headers: response.headers, json, reason };
}

async function readBody({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      if ((size += chunk.length) > MAX_BYTES) break;
    }
  } catch {
    // The status already shows whether the alert has arrived; an incomplete body does not matter.
  }
  return Buffer.concat(chunks).toString();
}

function parse(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
