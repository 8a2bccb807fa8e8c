import { oneLine } from '../../util/text.js';

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body where it is a JSON object, else an empty one. */
  readonly json: Readonly<Record<string, unknown>>;
  /** A word of the other side on what it did not like, fit for the log. */
  readonly says: string | undefined;
}

/** What is read of a body: a message of Discord's with every limit reached is well below. */
const MOST_BYTES = 64 * 1024;
/** An answer that is not JSON may say why in a word: Slack's do, `invalid_blocks`. */
const ONE_WORD = /^[a-z_]{1,60}$/;

/** Reads an answer, whose body may be long, cut off or anything at all. `unsayable` is what must not reach a log. */
export async function readAnswer(response: Response, unsayable: readonly string[]): Promise<Answer> {
  const body = await readBody(response);
  const json = parse(body);
  const word = typeof json.message === 'string' ? json.message : body.trim();
  // A server may well answer "Cannot POST /the/secret/path".
  const mayBeSaid = !unsayable.some((secret) => word.includes(secret));
  const readable = json.message === word || ONE_WORD.test(word);
  const says = mayBeSaid && readable ? oneLine(word, 100) : undefined;
  return { status: response.status, headers: response.headers, json, says };
}

async function readBody({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      if ((size += chunk.length) > MOST_BYTES) break;
    }
  } catch {
    // The status has come, and it says whether the alert has arrived: a body that breaks off changes nothing.
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
