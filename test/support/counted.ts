import { Logger } from '@nestjs/common';

import { countedCategories } from '../../src/boot/counted-categories.js';
import type { CountedCategory } from '../../src/model/window.js';
import type { CompleteOptions } from '../../src/options/with-defaults.js';
import type { Overrides } from '../../src/threshold/overrides.js';
import { SayOnce } from '../../src/util/say-once.js';

const none = (): undefined => undefined;

/** Categories as the counter sees them, without thresholds set at run time unless those are given. */
export function counted(
  options: Pick<CompleteOptions, 'categories' | 'thresholdTtlMs'>,
  set: Pick<Overrides, 'exactly' | 'broadly' | 'version'> = { exactly: none, broadly: none, version: 0 },
): Map<string, CountedCategory> {
  return countedCategories(options, set, new SayOnce(new Logger()));
}
