import { Controller, Injectable, Post } from '@nestjs/common';
import { Query, ResolveField, Resolver } from '@nestjs/graphql';
import { Cron } from '@nestjs/schedule';

import { MonitorRate } from '../../src/index.js';
import { startApp } from '../support/app.js';

@Injectable()
class Nightly {
  @Cron('0 3 * * *')
  @MonitorRate('llm_call')
  run() {}
}

@Injectable()
class Service {
  @MonitorRate('llm_call')
  work() {}
}

@MonitorRate('llm_call')
@Injectable()
class MarkedService {
  work() {}
}

@Resolver()
class Fields {
  @Query(() => String)
  all(): string {
    return '';
  }

  @ResolveField(() => String)
  @MonitorRate('llm_call')
  summary(): string {
    return '';
  }
}

describe('a mark without effect', () => {
  it.each([
    ['on a timer', [Nightly], /Nightly\.run has no effect: .*record\(\)/],
    ['on a class without handlers', [MarkedService], /MarkedService has no effect/],
    [
      'on a field that runs no guards',
      [Fields, { provide: 'GqlModuleOptions', useValue: {} }],
      /Fields\.summary has no effect: .*fieldResolverEnhancers: \['guards'\]/,
    ],
  ])('%s stops the boot with the remedy', async (_where, providers, message) => {
    await expect(startApp({ metadata: { providers } })).rejects.toThrow(message);
  });

  it.each([
    ['below 0', -5, '-5'],
    ['that is no number', NaN, 'NaN'],
    ['above maxCost', 1e15, '1000000000000000'],
    ['of another type', '3' as unknown as number, 'a string'],
  ])('nor has a constant cost %s, and stops the boot', async (_what, cost, shown) => {
    @Controller()
    class Api {
      @Post('call')
      @MonitorRate('llm_call', { cost })
      call() {}
    }
    await expect(startApp({ metadata: { controllers: [Api] } })).rejects.toThrow(
      `@MonitorRate on Api.call has a cost in llm_call that cannot be counted: ${shown}. Write a number, 0 to 1000000000 (maxCost), or a function`,
    );
  });

  it('that may have one is warned of, and not named as monitored', async () => {
    const app = await startApp({ metadata: { providers: [Service] } });
    expect(app.log.of('Service.work')).toEqual([
      expect.stringMatching(/^warn .*it cannot be seen that requests come here/),
    ]);
    await app.close();
  });

  it('is not searched in objects that throw on access or in function proxies', async () => {
    const throwing = Object.defineProperty({}, 'constructor', {
      get() {
        throw new Error('not for you');
      },
    });
    @Controller()
    class Api {
      @Post('call')
      @MonitorRate('llm_call')
      call() {}
    }
    const providers = [
      { provide: 'throwing', useValue: throwing },
      { provide: 'proxy', useValue: new Proxy(() => undefined, {}) },
    ];
    const app = await startApp({ metadata: { providers, controllers: [Api] } });
    expect(app.log.of('monitoring Api.call')).toHaveLength(1);
    await app.close();
  });
});
