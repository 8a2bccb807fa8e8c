import { oneLine } from '../../util/text.js';
import type { Secrets } from './secrets.js';

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body if it is a JSON object, else an empty one. */
  readonly json: Readonly<Record<string, unknown>>;
  /** What the other side did not like, in its own words, fit for the log. */
  readonly reason: string | undefined;
}

/** What is read of a body: a message of Discord's with every limit reached is well below. */
const MAX_BYTES = 64 * 1024;
/** What is looked at of a reason; a good part of it is shown. */
const MAX_REASON = 400;
/** An answer that is not JSON may give its reason in a word: Slack's do, `invalid_blocks`. */
const ONE_WORD = /^[a-z_]{1,60}$/;

/** Reads an answer, whose body may be long, cut off or anything at all. */
export async function readAnswer(response: Response, secrets: Secrets): Promise<Answer> {
  const body = await readBody(response);
  const json = parse(body);
  const given = (typeof json.message === 'string' ? json.message : body.trim()).slice(0, MAX_REASON);
  const isReadable = typeof json.message === 'string' || ONE_WORD.test(given);
  // A server may well answer "Cannot POST /the/secret/path".
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
    // The status has come, and it tells whether the alert has arrived: a body that breaks off changes nothing.
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
