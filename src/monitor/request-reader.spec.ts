import type { ExecutionContext, Logger } from '@nestjs/common';

import { completeOptions } from '../options/complete-options.js';
import { SayOnce } from '../util/say-once.js';
import type { CountsIn, MonitoredHandler } from './monitored-handlers.js';
import { RequestReader } from './request-reader.js';

describe('a tenant resolver that never answers', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('is given up, and the log says once whose requests are not counted', async () => {
    const lines: string[] = [];
    const logger = { warn: (line: string) => lines.push(line) } as unknown as Logger;
    const reader = new RequestReader(undefined, new SayOnce(logger));
    const [category] = [...completeOptions({ tenant: () => new Promise(() => undefined) }).categories.values()];
    const handler: MonitoredHandler = { name: 'LlmController.call', counts: [], lastRoute: undefined };
    const context = { getType: () => 'rpc', getHandler: () => function call() {} } as unknown as ExecutionContext;

    const asked = [1, 2].map(() =>
      Promise.resolve(reader.tenantOf({ category, cost: 1 } as CountsIn, context, handler, true)),
    );
    await jest.advanceTimersByTimeAsync(9_999);
    expect(lines).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(await Promise.all(asked)).toEqual([undefined, undefined]);
    expect(lines).toEqual([expect.stringContaining('(no answer within 10000 ms): its requests are not counted')]);
  });
});

describe('a request without a tenant', () => {
  it('is said to be, once for each category that misses one', () => {
    const lines: string[] = [];
    const logger = { warn: (line: string) => lines.push(line) } as unknown as Logger;
    const reader = new RequestReader(undefined, new SayOnce(logger));
    const handler: MonitoredHandler = { name: 'LlmController.call', counts: [], lastRoute: undefined };
    const context = { getType: () => 'rpc', getHandler: () => function call() {} } as unknown as ExecutionContext;
    for (const category of completeOptions({}).categories.values())
      for (let i = 0; i < 2; i++) reader.hasNoTenant({ category, cost: 1 }, context, handler);
    expect(lines.map((line) => /not counted in (\w+)\./.exec(line)?.[1])).toEqual([
      'llm_call',
      'collections',
      'evaluations',
    ]);
  });
});
