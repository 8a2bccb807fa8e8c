import { runInNewContext } from 'node:vm';

import fc from 'fast-check';

import {
  amountOf,
  capitalized,
  copied,
  duration,
  kindOf,
  moment,
  oneLine,
  plural,
  reasonOf,
  shownOption,
  storeReasonOf,
} from './text.js';

describe('oneLine', () => {
  it('leaves plain text unchanged', () => expect(oneLine('Acme & Söhne 東京')).toBe('Acme & Söhne 東京'));

  it('removes what breaks a line or changes its direction', () => {
    expect(oneLine('a\nwarn RateMonitor: forged\r\u2028\u202Eevil\u200B\u0000')).toBe(
      'a warn RateMonitor: forged evil',
    );
  });

  it('removes what renders as nothing', () => {
    expect(oneLine('a\u3164b\u2800c\u034Fd\u17B4e\uFE0Ff\u{E0100}g\u115Fh\u00ADi')).toBe('abcdefghi');
    expect(oneLine('\u3164\u2800\u2003')).toBe('');
  });

  it('keeps combining marks, but no stacks of them that cover other lines', () => {
    expect(oneLine('Việt नमस्ते שָׁלוֹם བསྒྲུབས')).toBe('Việt नमस्ते שָׁלוֹם བསྒྲུབས');
    expect(oneLine(`a${'\u0301'.repeat(60)}b`)).toBe(`a${'\u0301'.repeat(8)}b`);
  });

  it('collapses whitespace', () => expect(oneLine('a \u00A0\t\n  b')).toBe('a b'));

  it('truncates between characters, with an ellipsis', () => {
    expect(oneLine('abcdef', 4)).toBe('abc…');
    expect(oneLine('😀😀😀😀', 4)).toBe('😀…');
    expect(oneLine('abcd', 4)).toBe('abcd');
    expect(oneLine('a       ', 4)).toBe('a');
  });

  it('reads no more of a long text than twice what it may keep', () => {
    expect(oneLine(`${'\u200B'.repeat(8)}abcdef`, 4)).toBe('…');
  });

  it('never exceeds the maximum length or one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), fc.integer({ min: 1, max: 50 }), (text, most) => {
        const line = oneLine(text, most);
        return (
          line.length <= most && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/u.test(line)
        );
      }),
    );
  });
});

it.each([
  [0.4, '0 ms'],
  [250, '250 ms'],
  [1_000, '1 s'],
  [1_500, '1.5 s'],
  [60_000, '1 min'],
  [90_000, '90 s'],
  [119_999, '120 s'],
  [120_000, '2 min'],
  [125_000, '2 min 5 s'],
  [300_000, '5 min'],
  [3_599_999, '1 h'],
  [5_400_000, '1 h 30 min'],
  [86_400_000, '24 h'],
  [100_000_000, '27 h 47 min'],
  [172_800_000, '2 days'],
  [7 * 86_400_000, '7 days'],
  [31 * 86_400_000 + 7_200_000, '31 days 2 h'],
])('duration writes %d ms as %s', (ms, text) => expect(duration(ms)).toBe(text));

it.each([
  [47, '47'],
  [1.0999999999999999, '1.1'],
  [5_000, '5,000'],
  [0.125, '0.125'],
  [1e15, '1.00000e+15'],
  [1.23456789e299, '1.23457e+299'],
  [Number.MIN_VALUE, '5e-324'],
])('amountOf writes %d as %s', (count, text) => expect(amountOf(count)).toBe(text));

it('reasonOf says on one line what went wrong', () => {
  expect([reasonOf(new Error('a\nb')), reasonOf('c'), reasonOf(undefined), reasonOf(new Error(''))]).toEqual([
    'a b',
    'c',
    'undefined',
    'Error',
  ]);
});

it('reasonOf recognizes an error of another realm, such as a worker, a sandbox or a test runner', () => {
  expect(reasonOf(runInNewContext('new TypeError("refused")'))).toBe('refused');
});

it('reasonOf leaves out what Redis repeats of an unknown command', () => {
  const echoed = "ERR unknown command 'hmget', with args beginning with: 'rate_monitor:proj_1'\n 'x' ";
  const errors = [new Error(echoed), echoed, echoed.replace(',', '')];
  expect(errors.map(reasonOf)).toEqual(Array(3).fill("ERR unknown command 'hmget'"));
});

it.each([
  ['request to https://hooks.example.com/services/T1/kept-secret?x=1 failed', 'request to (an address) failed'],
  ['getaddrinfo ENOTFOUND redis://:kept-secret@db:6379', 'getaddrinfo ENOTFOUND (an address)'],
  ['getaddrinfo ENOTFOUND default:kept-secret@db', 'getaddrinfo ENOTFOUND (an address)'],
  ['bad {"url":"https:/\u200B/kept-secret.example"} there', 'bad (an address) there'],
  [`${'x'.repeat(190)} me:kept-secret@host`, `${'x'.repeat(190)} (an addr…`],
  ['connect ECONNREFUSED ::1:6379, mail ops@example.com at 12:00', undefined],
])('reasonOf leaves addresses out of %j', (message, reason) =>
  expect(reasonOf(new Error(message))).toBe(reason ?? message),
);

it.each([
  ['llm-call', 'llm-call'],
  ['sk_l1veKeptSecretOf24chars', 'sk_… (26 characters)'],
  ['a rediss://me:hunter2@db b', 'a (an address) b'],
  ['America/Argentina/BuenosAires', 'America/Argentina/BuenosAires'],
  ['x'.repeat(50), `${'x'.repeat(39)}…`],
])('shownOption writes %j as %j', (text, shown) => expect(shownOption(text)).toBe(shown));

it('storeReasonOf names the keys of a command that meets another type, and the remedy', () => {
  const refused = (name: string, args: unknown[], message = 'WRONGTYPE Operation') =>
    storeReasonOf(Object.assign(new Error(message), { command: { name, args } }));
  const remedy = 'WRONGTYPE Operation. Set a keyPrefix that nothing else uses, or delete what is of the wrong type: ';
  expect(refused('hlen', ['ours:a\nb', 'x'])).toBe(`${remedy}DEL ours:a b`);
  expect(refused('evalsha', ['4f2a', 2, 'a', 'b', 'a record'])).toBe(`${remedy}DEL a, DEL b`);
  expect(refused('eval', ['return 1', '3', 'a', 'b', 'c'])).toBe(`${remedy}DEL a, DEL b, DEL c`);
  expect(refused('evalsha', ['4f2a', 4, 'a', 'b', 'c', 'd'])).toBe(`${remedy}DEL a, DEL b, DEL c, …`);
  expect(refused('hlen', ['x'.repeat(300)])).toBe(`${remedy}DEL ${'x'.repeat(199)}…`);
  expect(refused('hlen', ['a'], 'OOM')).toBe('OOM');
  for (const message of [
    'NOPERM this user …',
    "ERR The user executing the script can't run this command or subcommand",
  ])
    expect(refused('hlen', ['a'], message)).toBe(
      `${message}. Grant its user the rights that the docs list under "The least rights"`,
    );
  expect(refused('hlen', 'a' as never)).toBe('WRONGTYPE Operation');
  expect([storeReasonOf(new Error('WRONGTYPE')), storeReasonOf(undefined)]).toEqual(['WRONGTYPE', 'undefined']);
});

it('storeReasonOf says in plain words that there is no connection', () => {
  for (const own of [
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Connection is closed.',
    'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
  ])
    expect(storeReasonOf(new Error(own))).toBe('there is no connection');
});

it.each([
  ['an object without a text', Object.create(null)],
  [
    'an error whose message throws',
    Object.defineProperty(new Error(), 'message', {
      get() {
        throw new Error('not for you');
      },
    }),
  ],
  ['an error whose message is no text', Object.assign(new Error(), { message: { toString: () => 'x' } })],
  ['a proxy that was revoked', revoked()],
])('reasonOf never throws: %s', (_what, error) => expect(reasonOf(error)).toBe('an error without a message'));

it.each([
  [undefined, 'undefined'],
  [null, 'null'],
  ['x', 'a string'],
  [() => 'x', 'a function'],
  [['x'], 'a list'],
  [{}, 'an object'],
  [Object.create(null), 'an object'],
  [new Date(NaN), 'an invalid date'],
  [new Date(0), 'an object (Date)'],
  [new Map(), 'an object (Map)'],
  [Promise.resolve(), 'an object (Promise)'],
  [{ [Symbol.toStringTag]: 'a\nb'.repeat(50) }, 'an object (a ba ba ba ba ba ba ba ba ba ba ba ba b…)'],
])('kindOf names %p: %s', (value, kind) => expect(kindOf(value)).toBe(kind));

it('kindOf survives a revoked proxy', () => expect(kindOf(revoked())).toBe('an object that cannot be read'));

it.each(['proj_1', 'Söhne 東京 😀', '\ud800 half a pair', ''])('copied keeps each character of %p', (text) =>
  expect(copied(text)).toBe(text),
);

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

it.each([
  [0, '0 alerts'],
  [1, '1 alert'],
  [5_000, '5,000 alerts'],
])('plural writes %d as %s', (count, text) => expect(plural(count, 'alert')).toBe(text));

it('capitalized and moment write text for people', () => {
  expect([capitalized('slack is off'), capitalized('')]).toEqual(['Slack is off', '']);
  expect(moment(new Date(Date.UTC(2026, 0, 1, 12, 0, 0, 999)))).toBe('2026-01-01 12:00:00 UTC');
});
