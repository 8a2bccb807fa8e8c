import { Logger } from '@nestjs/common';

import { countedCategories } from '../../src/boot/counted-categories.js';
import type { CountedCategory } from '../../src/model/window.js';
import type { CompleteOptions } from '../../src/options/with-defaults.js';
import { SayOnce } from '../../src/util/say-once.js';

/** Categories as the counter sees them, without thresholds set at run time. */
export function counted(options: Pick<CompleteOptions, 'categories' | 'thresholdTtlMs'>): Map<string, CountedCategory> {
  const none = (): undefined => undefined;
  return countedCategories(options, { exactly: none, broadly: none, version: 0 }, new SayOnce(new Logger()));
}
