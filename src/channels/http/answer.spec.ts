import type { DeliveryError } from '../../model/delivery-error.js';
import { accept, readAnswer } from './answer.js';
import { RateLimit } from './rate-limit.js';
import { Secrets, secretsOf } from './secrets.js';

const read = (body: unknown, init?: ResponseInit, secrets: string[] = []) =>
  readAnswer(new Response(typeof body === 'string' ? body : JSON.stringify(body), init), new Secrets(secrets));

it('the status shows that an alert has arrived, even if the body is incomplete', async () => {
  const body = new ReadableStream({ start: (controller) => controller.error(new Error('cut')) });
  const answer = await readAnswer(new Response(body, { status: 200 }), new Secrets([]));
  expect(accept(answer)).toMatchObject({ status: 200, json: {}, reason: undefined });
});

it('a response that never ends is abandoned', async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
    cancel: () => void (cancelled = true),
  });
  expect((await readAnswer(new Response(body), new Secrets([]))).json).toEqual({});
  expect(cancelled).toBe(true);
});

it('a response whose body stalls after its headers counts as delivered, and the connection is released', async () => {
  let cancelled = false;
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(Buffer.from('{"id":')),
    cancel: () => void (cancelled = true),
  });
  jest.useFakeTimers();
  try {
    const reading = readAnswer(new Response(body, { status: 200 }), new Secrets([]));
    await jest.advanceTimersByTimeAsync(2_000);
    expect(accept(await reading)).toMatchObject({ status: 200, json: {} });
    expect(cancelled).toBe(true);
  } finally {
    jest.useRealTimers();
  }
});

it('an endless rate limit pauses for five minutes, not for years', async () => {
  const limit = new RateLimit();
  limit.heed(new Headers({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset-after': '1e9' }));
  const error = await limit.free().catch((thrown: unknown) => thrown as DeliveryError);
  expect((error as DeliveryError).retryAfterMs).toBeLessThanOrEqual(5 * 60_000);
});

it.each<[string, unknown, string | undefined]>([
  ['its message', { message: 'Invalid Form Body', token: 'x' }, 'Invalid Form Body'],
  ['a bare word', 'invalid_blocks\n', 'invalid_blocks'],
  ['no page', '<html>nginx</html>', undefined],
  ['no list', [1], undefined],
  ['nothing with a secret in it', { message: 'no such hook: s3cret' }, undefined],
  ['nothing with a secret that invisible characters split', { message: 'no such hook: s3\u200Bcr\u00ADet' }, undefined],
  ['no message that is none', { message: { deep: 1 } }, undefined],
  ['nothing', '', undefined],
  ['null', 'null', 'null'],
])('the reason of an answer is %s', async (_, body, reason) =>
  expect((await read(body, {}, ['s3cret'])).reason).toBe(reason),
);

it("a parameter's name is secret, because it may be the whole token", () => {
  const secrets = new Secrets(secretsOf(new URL('https://hooks.example.com/a?t0ken-kept-secret')));
  expect(['bad t0ken-kept', 'bad format'].map((text) => secrets.areIn(text))).toEqual([true, false]);
});
