import type { INestApplicationContext } from '@nestjs/common';

import { RateMonitorService } from '../../../src/index.js';

/** A handler for a platform that stops the process once it has answered. */
export function handlerOf<Event, Answer>(
  app: INestApplicationContext,
  serve: (event: Event) => Promise<Answer>,
): (event: Event) => Promise<Answer> {
  return async (event) => {
    const answer = await serve(event);
    await app.get(RateMonitorService).flush(2_000);
    return answer;
  };
}
