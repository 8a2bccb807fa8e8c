import { accept } from './answer.js';
import { readAnswer } from './answer.js';
import { Secrets } from './secrets.js';

const read = (body: unknown, init?: ResponseInit, secrets: string[] = []) =>
  readAnswer(new Response(typeof body === 'string' ? body : JSON.stringify(body), init), new Secrets(secrets));

it('a response with an incomplete body still shows by its status that the alert has arrived', async () => {
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

it.each<[string, unknown, string | undefined]>([
  ['its message', { message: 'Invalid Form Body', token: 'x' }, 'Invalid Form Body'],
  ['a bare word', 'invalid_blocks\n', 'invalid_blocks'],
  ['no page', '<html>nginx</html>', undefined],
  ['no list', [1], undefined],
  ['nothing with a secret in it', { message: 'no such hook: s3cret' }, undefined],
  ['no message that is none', { message: { deep: 1 } }, undefined],
  ['nothing', '', undefined],
  ['null', 'null', 'null'],
])('the reason of an answer is %s', async (_, body, reason) =>
  expect((await read(body, {}, ['s3cret'])).reason).toBe(reason),
);
