/** This many consecutive characters of a secret give it away. */
const TELLING_LENGTH = 6;
/** Shorter parts of an address are not secret, and would match any text. */
const SHORTEST_SECRET = 3;
/** Parts of an address that are words, such as `api` or `webhooks`. Only the whole word gives something away. */
const WORD = /^[a-z]{1,12}$/;
const ENCODED = /[\w+/-]{8,}/g;

/** Secrets that must not appear in outgoing text, whole or in part, in any case or common encoding. */
export class Secrets {
  // `#private`, so that printing or serializing the object never shows them.
  readonly #whole: string[] = [];
  readonly #pieces = new Set<string>();

  constructor(secrets: readonly string[]) {
    for (const secret of secrets.flatMap(formsOf)) this.#add(secret.toLowerCase());
  }

  areIn(text: string): boolean {
    return readingsOf(text).some((reading) => this.#areInReading(reading.toLowerCase()));
  }

  #add(secret: string): void {
    if (secret.length < SHORTEST_SECRET) return;
    if (secret.length < TELLING_LENGTH || WORD.test(secret)) this.#whole.push(secret);
    else for (const piece of piecesOf(secret)) this.#pieces.add(piece);
  }

  #areInReading(text: string): boolean {
    return (
      this.#whole.some((secret) => text.includes(secret)) || piecesOf(text).some((piece) => this.#pieces.has(piece))
    );
  }
}

/** The parts of an address that are secret or internal. */
export function secretsOf({ hostname, pathname, searchParams }: URL): string[] {
  // The whole token may be a parameter's name: `?token`.
  return [hostname, ...pathname.split('/'), ...searchParams.keys(), ...searchParams.values()];
}

function formsOf(secret: string): string[] {
  const plain = decoded(secret);
  // The content of "Basic" credentials, or a token in base64.
  const inside = /^[\w+/-]+=*$/.test(secret) ? Buffer.from(secret, 'base64').toString() : '';
  const readable = /^[\x20-\x7e]+$/.test(inside) ? [inside, ...inside.split(':')] : [];
  return [secret, plain, ...readable];
}

/** A text and its decoded forms. */
function readingsOf(text: string): string[] {
  const encoded = (text.match(ENCODED) ?? []).flatMap((word) => [
    ...[0, 1, 2, 3].map((from) => Buffer.from(word.slice(from), 'base64').toString('latin1')),
    ...[0, 1].map((from) => Buffer.from(word.slice(from), 'hex').toString('latin1')),
  ]);
  return [text, decoded(text), ...encoded];
}

function piecesOf(text: string): string[] {
  return Array.from({ length: Math.max(text.length - TELLING_LENGTH + 1, 0) }, (_, i) =>
    text.slice(i, i + TELLING_LENGTH),
  );
}

/** Decodes each `%xx`, even if the rest of the text is malformed. */
function decoded(text: string): string {
  return text.replace(/(%[0-9a-f]{2})+/gi, (part) => Buffer.from(part.replaceAll('%', ''), 'hex').toString());
}
