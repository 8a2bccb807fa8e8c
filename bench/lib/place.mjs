// @ts-check
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

const bench = resolve(import.meta.dirname, '..');

/**
 * Where contestants run. It is outside this repository, where each optional package that is developed with would be found: a contestant that
 * looks for `@nestjs/config` would load a second copy of Nest by it.
 */
export const PLACE = resolve(
  tmpdir(),
  `rate-monitor-bench-${createHash('sha1').update(bench).digest('hex').slice(0, 8)}`,
);

/**
 * A file of `apps/`, as it is run.
 *
 * @param {string} name
 */
export function contestantFile(name) {
  return resolve(PLACE, 'apps', name);
}
