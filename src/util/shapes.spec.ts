import { isRecord } from './shapes.js';

const { proxy, revoke } = Proxy.revocable({}, {});
revoke();

it.each([
  ['an object', {}, true],
  ['one without a prototype', Object.create(null), true],
  ['what `import * as` gives', Object.defineProperty({}, Symbol.toStringTag, { value: 'Module' }), true],
  ['a list', [], false],
  ['a map', new Map(), false],
  ['a date', new Date(), false],
  ['a promise', Promise.resolve({}), false],
  ['a function', () => ({}), false],
  ['null', null, false],
  ['what can no longer be read', proxy, false],
])('knows whether %s can hold options', (_, value: unknown, may) => expect(isRecord(value)).toBe(may));
