import { meantName, unknownOption } from './meant-name.js';

const NAMES = ['threshold', 'windowMs', 'windows', 'period', 'timeZone', 'levels', 'resolveAfterMs'];

it.each([
  ['treshold', 'threshold'],
  ['threshhold', 'threshold'],
  ['Threshold', 'threshold'],
  ['level', 'levels'],
  ['timezone', 'timeZone'],
  ['resolveAfter', 'resolveAfterMs'],
  ['windowsMs', 'windowMs'],
])('%s was meant to be %s', (written, meant) => expect(meantName(written, NAMES)).toBe(meant));

it.each(['', 'a', 'tin', 'limit', 'constructor', 'threshold of all', 'xindoxx', 'perxxxx'])(
  '%p was meant to be none of them',
  (written) => expect(meantName(written, NAMES)).toBeUndefined(),
);

describe('the error about an option that is none', () => {
  it('names the one that was probably meant', () =>
    expect(unknownOption({ period: 'day', levls: [] }, NAMES)).toBe('levls is not an option: write levels'));

  it('names all if it is like none of them, and what they belong to', () =>
    expect(unknownOption({ [Symbol('at')]: 1 }, ['at', 'severity'], 'a level')).toBe(
      'Symbol(at) is not an option of a level: write one of at, severity',
    ));

  it('shows no address that stands in the place of a name', () =>
    expect(unknownOption({ 'redis://me:hunter2@db': 1 }, ['at'])).toBe(
      '(an address) is not an option: write one of at',
    ));

  it('is missing if all are known', () => expect(unknownOption({ period: 'day' }, NAMES)).toBeUndefined());
});
