import { Inject, Module, type CanActivate, type DynamicModule, type NestModule, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { RateMonitorConfigError } from '../model/config-error.js';
import { optionProblems } from '../util/option-names.js';
import { shownOption } from '../util/text.js';
import { ASSETS } from './assets.js';
import { BUILT_ASSETS } from './built-assets.js';
import { acceptSlash, controllerAt } from './dashboard.controller.js';
import { AUTHORIZE, type DashboardAuthorize } from './dashboard.guard.js';

/** Options of {@link RateMonitorDashboardModule.forRoot}. */
export interface RateMonitorDashboardOptions {
  /**
   * Path of the page, after the app's global prefix.
   * @defaultValue 'rate-monitor'
   */
  path?: string | undefined;
  /** Decides who may see and use the page: a function of the request, or a guard class. Required: without it the app does not start. */
  authorize: DashboardAuthorize | Type<CanActivate>;
  /**
   * Modules that provide what a guard class injects.
   * @defaultValue none
   */
  imports?: DynamicModule['imports'] | undefined;
}

const OPTIONS = ['path', 'authorize', 'imports'] satisfies (keyof RateMonitorDashboardOptions)[];
const PATH = /^[\w~-]+(\/[\w~-]+)*$/;

const CONTROLLER = Symbol('controller of the page');

/** The page of the rate monitor and its JSON API. Import it next to `RateMonitorModule`. */
@Module({})
export class RateMonitorDashboardModule implements NestModule {
  constructor(
    @Inject(CONTROLLER) private readonly controller: Type<unknown>,
    private readonly host: HttpAdapterHost,
  ) {}

  /** Nest calls this before it reads routes, when the adapter is already known, even in a testing module. */
  configure(): void {
    acceptSlash(this.controller, this.host.httpAdapter.getType());
  }

  /**
   * Serves the page at `path`.
   *
   * @throws RateMonitorConfigError if `authorize` is missing, `path` is not a path, or an option is unknown.
   */
  static forRoot(options: RateMonitorDashboardOptions): DynamicModule {
    const given = Object(options) as Partial<RateMonitorDashboardOptions>;
    // `null` counts as absent.
    const { authorize } = given;
    const [path, imports] = [given.path ?? 'rate-monitor', given.imports ?? []];
    const problems: string[] = [];
    if (typeof authorize !== 'function')
      problems.push(
        'authorize of RateMonitorDashboardModule is missing: write a function of the request that returns who it is, or a guard class. ' +
          'The page shows tenant names and can mute alerts, so it needs one',
      );
    if (typeof path !== 'string' || !PATH.test(path))
      problems.push(
        `path of RateMonitorDashboardModule is ${typeof path === 'string' ? `'${shownOption(path)}'` : `a ${typeof path}`}: write one such as 'rate-monitor', without a slash at either end`,
      );
    problems.push(...optionProblems(given, OPTIONS, 'RateMonitorDashboardModule'));
    if (problems.length > 0) throw new RateMonitorConfigError(problems);
    const isGuard = typeof (authorize as { prototype?: Partial<CanActivate> }).prototype?.canActivate === 'function';
    const controller = controllerAt(path, isGuard ? (authorize as Type<CanActivate>) : undefined);
    return {
      module: RateMonitorDashboardModule,
      imports: [...imports],
      controllers: [controller],
      providers: [
        { provide: CONTROLLER, useValue: controller },
        // Not `useValue`: Nest 10 would serialize the value with the module, and warn that this is slow.
        { provide: ASSETS, useFactory: () => BUILT_ASSETS },
        { provide: AUTHORIZE, useValue: isGuard ? () => true : authorize },
      ],
    };
  }
}
