import { enterOwnMetadata, errorsOf } from './isolated-class-validator.js';
import {
  HasMethods,
  IsFunction,
  IsRecord,
  IsTruth,
  IsTruthOrRecord,
  IsWhole,
  Passes,
  writeInstead,
} from './rule-decorators.js';

const TIMER = 2_147_483_647;
const LARGE = [TIMER + 1, Number.MAX_VALUE];
const NO_NUMBERS = [
  undefined,
  null,
  '',
  '1',
  1.5,
  NaN,
  Infinity,
  -Infinity,
  1n,
  Symbol('1'),
  [1],
  { valueOf: () => 1 },
];
class Instance {}
const readable = { publish: () => [], read: () => 0 };
const unreadable = Object.defineProperty({}, 'read', {
  get: () => {
    throw new Error('not for you');
  },
});

/** What a rule says of a value; undefined if it accepts that. */
function remedyFor(rule: PropertyDecorator, value: unknown): string | undefined {
  class Shape {
    option: unknown;
  }
  const leave = enterOwnMetadata();
  rule(Shape.prototype, 'option');
  leave();
  const [error] = errorsOf(Object.assign(new Shape(), { option: value }));
  return Object.values(error?.constraints ?? {})[0];
}

it.each<[string, PropertyDecorator, unknown[], unknown[]]>([
  [
    'IsRecord',
    IsRecord('x'),
    [{}, new Instance(), Object.create(null)],
    [null, [], 'a', 1, () => 1, new Map(), new Date()],
  ],
  ['IsFunction', IsFunction('x'), [() => 1, Instance, jest.fn()], [undefined, null, {}, 'a', Promise.resolve()]],
  ['IsTruth', IsTruth('x'), [true, false], [undefined, null, 0, 1, 'true', '', new Boolean(true), {}]],
  [
    'IsTruthOrRecord',
    IsTruthOrRecord('x'),
    [true, false, {}, new Instance()],
    [undefined, null, 0, 'on', [], new Map(), new Boolean(true)],
  ],
  [
    'HasMethods',
    HasMethods(['publish', 'read'], 'x'),
    [readable, Object.assign(() => 1, readable)],
    [null, undefined, {}, { read: () => 0 }, { publish: () => 0 }, { ...readable, read: 1 }, unreadable],
  ],
  ['Passes', Passes('isOne', (value) => value === 1, 'x'), [1], [2, undefined]],
])('%s accepts what it should', (_name, rule, right, wrong) => {
  for (const value of right) expect(remedyFor(rule, value)).toBeUndefined();
  for (const value of wrong) expect(remedyFor(rule, value)).toBe('x');
});

it('a rule that throws rejects everything', () => {
  const rule = Passes('throws', () => JSON.parse('{') as boolean, 'x');
  expect(remedyFor(rule, 1)).toBe('x');
});

it.each<[string, PropertyDecorator, number[], number[], string]>([
  [
    '1 or more',
    IsWhole(1, 'ms', 50),
    [1, 2, TIMER],
    [0, -1],
    'a whole number of ms, 1 or more, or leave it out for 50',
  ],
  [
    '0 to 10',
    IsWhole(0, 'ms', 'never', 10),
    [0, 10],
    [-1, 11, ...LARGE],
    'a whole number of ms, 0 to 10, or leave it out for never',
  ],
  [
    'longer than a timer',
    IsWhole(0, 'ms', 1, 1e12),
    [0, 1e12],
    [-1, 1e12 + 1],
    'a whole number of ms, 0 to 1000000000000, or leave it out for 1',
  ],
])('IsWhole accepts %s', (_range, rule, right, wrong, remedy) => {
  for (const value of right) expect(remedyFor(rule, value)).toBeUndefined();
  for (const value of [...wrong, ...NO_NUMBERS]) expect(remedyFor(rule, value)).toBe(remedy);
});

it('IsWhole names the maximum of a timer for values above it', () => {
  for (const value of LARGE)
    expect(remedyFor(IsWhole(1, 'ms', 50), value)).toBe(`${TIMER} at most, or leave it out for 50`);
});

it('writeInstead is the message that class-validator shows', () => expect(writeInstead('x')).toEqual({ message: 'x' }));
