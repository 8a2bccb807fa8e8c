import { types } from 'node:util';

import { ConfigurableModuleBuilder } from '@nestjs/common';

import { RateMonitorConfigError } from './model/config-error.js';
import type { CompleteOptions } from './options/with-defaults.js';
import { withoutNulls } from './options/without-nulls.js';
import type { RateMonitorOptions } from './options/rate-monitor-options.js';
import { optionProblems } from './util/option-names.js';
import { isRecord } from './util/shapes.js';
import { kindOf } from './util/text.js';

/**
 * Checks that `given` is an object. Anything else would silently count as no options, and the defaults would apply.
 *
 * @throws RateMonitorConfigError if it is something else, or part of it cannot be read.
 */
export function optionsIn(given: unknown): RateMonitorOptions {
  if (given === undefined || given === null) return {};
  if (isRecord(given)) {
    // Nest reads own getters too, and would stop the boot with their error. It does not read getters of a class; those are read at boot.
    withoutNulls(given, () => false);
    return given;
  }
  const kind = types.isPromise(given) ? 'a promise' : kindOf(given);
  throw new RateMonitorConfigError([
    `the options are ${kind}: give an object such as { categories: { llm_call: { threshold: 15 } } }. To wait for something, return a promise ` +
      'from the factory of forRootAsync()',
  ]);
}

/** The method of a class that gives the options. */
const METHOD = 'createRateMonitorOptions';
/** All that Nest reads. */
const SOURCE = ['imports', 'inject', 'useFactory', 'useClass', 'useExisting', 'provideInjectionTokensFrom'];

/** @throws RateMonitorConfigError if there is no source of options, more than one, it is of the wrong type, or there is anything else. */
export function checkSource(given: unknown): void {
  const problems = optionProblems(given ?? {}, SOURCE, 'forRootAsync()');
  if (problems.length > 0) throw new RateMonitorConfigError(problems);
  const { useFactory, useClass, useExisting } = Object(given) as Partial<Record<string, unknown>>;
  const sources = Object.entries({ useFactory, useClass, useExisting }).flatMap(([name, source]) =>
    source ? name : [],
  );
  const wrong = (problem: string): RateMonitorConfigError => new RateMonitorConfigError([`forRootAsync() ${problem}`]);
  if (sources.length === 0)
    throw wrong('has no source of options: write useFactory, useClass or useExisting, or call forRoot()');
  // Nest would take one and ignore the others.
  if (sources.length > 1) throw wrong(`has ${sources.join(' and ')}: give one of them`);
  if (useFactory && typeof useFactory !== 'function')
    throw wrong(`has ${kindOf(useFactory)} as useFactory: write a function that returns the options`);
  if (useClass && !(typeof useClass === 'function' && 'prototype' in useClass))
    throw wrong(`has ${kindOf(useClass)} as useClass: write a class with the method ${METHOD}()`);
}

/**
 * What `useClass` or `useExisting` gives.
 *
 * @throws RateMonitorConfigError if it has no such method.
 */
export function optionsOfClass(source: unknown): unknown {
  const { [METHOD]: method, constructor } = Object(source) as Partial<Record<string, unknown>>;
  if (typeof method === 'function') return method.call(source) as unknown;
  const name = isRecord(source) && typeof constructor === 'function' ? constructor.name : kindOf(source);
  throw new RateMonitorConfigError([
    `forRootAsync() is given ${name}, which has no method ${METHOD}(): add it, and return the options there`,
  ]);
}

/** The symbol is global, so that two copies of this package share it. */
const OPTIONS_TOKEN = Symbol.for('nestjs-rate-monitor:options');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: RATE_MONITOR_OPTIONS } =
  new ConfigurableModuleBuilder<RateMonitorOptions>({
    optionsInjectionToken: OPTIONS_TOKEN,
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName(METHOD)
    .build();

/** Options that win over code and environment, such as the store of a test. */
export type OptionsOfTest = Partial<CompleteOptions>;

/**
 * Where a test puts its {@link OptionsOfTest}, with `overrideProvider`. The symbol is global, so that two copies of this package share it.
 */
export const OPTIONS_OF_TEST = Symbol.for('nestjs-rate-monitor:options-of-test');
