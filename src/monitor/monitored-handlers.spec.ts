import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { DiscoveryService, MetadataScanner } from '@nestjs/core';

import { MonitoredHandlers } from './monitored-handlers.js';

describe('MonitoredHandlers', () => {
  it('keeps no handler alive: instrumentation makes one a request of those of request-scoped controllers', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const discovery = { getControllers: () => [], getProviders: () => [] } as unknown as DiscoveryService;
    const handlers = new MonitoredHandlers(discovery, {} as MetadataScanner);
    class Controller {}
    const wrapped = (): WeakRef<object> => {
      const handler = (): void => undefined;
      handlers.find(Controller, handler);
      return new WeakRef(handler);
    };
    const seen = Array.from({ length: 100 }, wrapped);
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(seen.filter((handler) => handler.deref()).length).toBeLessThan(5);
  });
});
