import { meantName } from './meant-name.js';

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
