import { Logger } from '@nestjs/common';

import { countedCategories } from '../../src/boot/counted-categories.js';
import type { Levels } from '../../src/model/level.js';
import type { Tenant } from '../../src/model/tenant.js';
import type { CountedCategory } from '../../src/model/window.js';
import type { CompleteOptions } from '../../src/options/with-defaults.js';
import type { AskedThresholds } from '../../src/threshold/levels.js';
import type { Overrides } from '../../src/threshold/overrides.js';
import { CallLimit } from '../../src/threshold/threshold-function.js';
import { WarnOnce } from '../../src/util/warn-once.js';

/** How threshold functions are called, for one test. */
export const asked = (): AskedThresholds => ({ ttlMs: 60_000, limit: new CallLimit(), now: () => performance.now() });

/** Levels that nobody knows by the key of a tenant alone. */
export const notByKey = <T extends (tenant: Tenant) => Levels | Promise<Levels>>(levelsFor: T) =>
  Object.assign(levelsFor, { byKey: () => undefined });

const none = (): undefined => undefined;

/** Categories as the counter sees them, without thresholds set at run time unless those are given. */
export function counted(
  options: Pick<CompleteOptions, 'categories' | 'thresholdTtlMs'>,
  set: Pick<Overrides, 'exactly' | 'broadly' | 'version'> = { exactly: none, broadly: none, version: 0 },
): Map<string, CountedCategory> {
  return countedCategories(options, set, new WarnOnce(new Logger()), () => performance.now());
}
