import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test } from '@nestjs/testing';

import { RateMonitorConfigError, RateMonitorGuard, RateMonitorModule } from '../../src/index.js';
import { MemoryLogger } from '../support/memory-logger.js';

describe('the module', () => {
  const boot = async (...imports: Parameters<typeof Module>[0]['imports'] & object) => {
    const app = (
      await Test.createTestingModule({ imports }).setLogger(new MemoryLogger()).compile()
    ).createNestApplication();
    await app.init();
    await app.close();
  };

  it.each([
    ['forRoot twice', [RateMonitorModule.forRoot(), RateMonitorModule.forRoot({ keyPrefix: 'other' })]],
    [
      'forRoot and forRootAsync',
      [RateMonitorModule.forRoot(), RateMonitorModule.forRootAsync({ useFactory: () => ({}) })],
    ],
  ])('stops the boot if an app calls %s, wherever it does', async (_what, [first, second]) => {
    @Module({ imports: [second as NonNullable<typeof second>] })
    class Feature {}
    const refused = boot(first as NonNullable<typeof first>, Feature);
    await expect(refused).rejects.toThrow(RateMonitorConfigError);
    await expect(refused).rejects.toThrow('RateMonitorModule is set up 2 times in this app: call forRoot()');
  });

  it('stops the boot if another module imports it without options: it would count half of the requests', async () => {
    @Module({ imports: [RateMonitorModule] })
    class Feature {}
    await expect(boot(RateMonitorModule.forRoot(), Feature)).rejects.toThrow(
      'RateMonitorModule is imported without options by Feature: remove it there. forRoot() in the root module makes it global',
    );
  });

  it.each([
    ['useClass', { provide: APP_GUARD, useClass: RateMonitorGuard }],
    ['useExisting', { provide: APP_GUARD, useExisting: RateMonitorGuard }],
  ])('stops the boot if its guard is bound as APP_GUARD by %s: it would count twice', async (_how, guard) => {
    @Module({ providers: [RateMonitorGuard, guard] })
    class Guarded {}
    await expect(boot(RateMonitorModule.forRoot(), Guarded)).rejects.toThrow(
      'RateMonitorGuard is bound globally, so each request would count twice: remove it from APP_GUARD',
    );
  });

  it('stops the boot if the app passes its guard to useGlobalGuards', async () => {
    const app = (
      await Test.createTestingModule({ imports: [RateMonitorModule.forRoot()], providers: [RateMonitorGuard] })
        .setLogger(new MemoryLogger())
        .compile()
    ).createNestApplication();
    app.useGlobalGuards(app.get(RateMonitorGuard));
    await expect(app.init()).rejects.toThrow(
      'RateMonitorGuard is bound globally, so each request would count twice: remove it from useGlobalGuards()',
    );
    await app.close();
  });

  it('may be imported by several modules of an app if that is the same dynamic module', async () => {
    const monitor = RateMonitorModule.forRoot();
    @Module({ imports: [monitor] })
    class Feature {}
    await expect(boot(monitor, Feature)).resolves.toBeUndefined();
  });
});
