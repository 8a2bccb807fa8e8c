import type { Logger } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';

import type { Category } from '../model/category.js';
import { RateMonitorConfigError } from '../model/config-error.js';
import type { MarkedHandler, MarkedHandlers } from '../monitor/marked-handlers.js';
import { unknownCategory } from '../monitor/request-monitor.js';
import { capitalized, numberOrKind } from '../util/text.js';

/** Where GraphQLModule keeps its options. */
const GRAPHQL_OPTIONS = 'GqlModuleOptions';
const RECORD = 'call RateMonitorService.record() in the method';

/**
 * Checks every `@MonitorRate`, so that none silently has no effect.
 *
 * @returns The monitored handlers.
 * @throws RateMonitorConfigError if a decorator certainly has no effect, or names a category that is not configured. Doubtful ones are only
 *   logged.
 */
export function checkHandlers(
  handlers: MarkedHandlers,
  categories: ReadonlyMap<string, Category>,
  discovery: DiscoveryService,
  logger: Logger,
): MarkedHandler[] {
  const marked = handlers.list();
  const problems = new Set<string>();
  for (const { name, marks } of marked) {
    for (const { category, cost } of marks) {
      const known = categories.get(category);
      if (!known) problems.add(unknownCategory(name, category, categories));
      else if (!isCost(cost, known.maxCost))
        problems.add(
          `@MonitorRate on ${name} has a cost in ${category} that cannot be counted: ${numberOrKind(cost)}. Write a number, 0 to ${known.maxCost} (maxCost), or a function`,
        );
    }
  }
  const globalBy = handlers.globalBy();
  if (globalBy)
    problems.add(
      `RateMonitorGuard is bound globally, so each request would count twice: remove it from ${globalBy}, @MonitorRate binds it`,
    );
  const { lost, accessors, replaced, overriding, empty, foreign } = handlers.problems();
  for (const name of lost)
    problems.add(
      `@MonitorRate on ${name} is lost: a decorator above it replaces the method without copying its metadata, which also removes guards ` +
        'and marks below it. Move @MonitorRate above that decorator, or make it copy the metadata',
    );
  for (const name of accessors)
    problems.add(
      `@MonitorRate on ${name} has no effect: a decorator above it makes the method an accessor, and Nest routes no requests to accessors. ` +
        'Remove that decorator: Nest binds handlers to their instance itself',
    );
  const fieldsAreGuarded = guardsFields(discovery);
  const isInert = ({ reach }: MarkedHandler): boolean =>
    reach === 'unguarded' || (reach === 'field' && fieldsAreGuarded === false);
  const byClassMark = new Map<object, MarkedHandler[]>();
  for (const each of marked)
    if (!each.isMarkedItself) byClassMark.set(each.owner, [...(byClassMark.get(each.owner) ?? []), each]);
  const classes = [...byClassMark.values()] as [MarkedHandler, ...MarkedHandler[]][];
  for (const group of classes) if (group.every(isInert)) empty.push(group[0].ownerName);
  for (const name of empty)
    problems.add(
      `@MonitorRate on ${name} has no effect: no method of the class handles requests. Remove it, or ${RECORD}`,
    );

  for (const { name, reach, isMarkedItself } of marked) {
    if (reach === 'unguarded' && isMarkedItself)
      problems.add(
        `@MonitorRate on ${name} has no effect: Nest runs no guards for timers, events, queues and commands. ${capitalized(RECORD)}`,
      );
    if (reach === 'field' && isMarkedItself && fieldsAreGuarded === false)
      problems.add(
        `@MonitorRate on ${name} has no effect: Nest runs no guards for fields by default. Set fieldResolverEnhancers: ['guards'] in GraphQLModule`,
      );
  }
  if (problems.size > 0) throw new RateMonitorConfigError([...problems]);

  // Does not stop the boot: a test may have put a spy there.
  for (const name of replaced)
    logger.warn(
      `@MonitorRate on ${name} is lost, and nothing is counted there: the instance has another function in place of the method, bound in the ` +
        "constructor or made by a proxy, without the method's metadata. Guards on the method are lost too. Remove that function, or copy the metadata",
    );
  for (const name of foreign)
    logger.warn(
      `@MonitorRate on ${name} is lost, and nothing is counted there: the class that it marks has instances of another one, as a proxy of a ` +
        'class has. Move @MonitorRate to that other class, below the decorator that makes the proxy',
    );
  for (const name of overriding)
    logger.warn(
      `${name} overrides a method that has @MonitorRate, and is not counted: an overriding method does not inherit decorators. Write ` +
        '@MonitorRate there too, or @SkipMonitorRate() if nothing should be counted',
    );
  const unsure = (name: string): void =>
    logger.warn(
      `@MonitorRate on ${name}: no request is known to reach it through Nest's guards. If nothing is counted, list the class where ` +
        `Nest looks for such handlers (in controllers; a gateway or a resolver in providers), or ${RECORD}`,
    );
  for (const group of classes)
    if (group.every((each) => isInert(each) || each.reach === 'unknown')) unsure(group[0].ownerName);
  const monitored = marked.filter((each) => !isInert(each));
  for (const { name, reach, isMarkedItself, bound } of monitored) {
    if (reach === 'field' && isMarkedItself && fieldsAreGuarded === 'some')
      logger.warn(
        `@MonitorRate on ${name} counts only if its GraphQLModule has fieldResolverEnhancers: ['guards'], as one of this app's has and another has not`,
      );
    if (reach === 'unknown' && isMarkedItself) unsure(name);
    else if (!bound)
      logger.warn(
        `The guard of ${name} could not be bound: requests are counted only if Nest runs global guards there, even those that other guards refuse. ` +
          'List the class itself in providers or controllers, not { provide, useClass } or { provide, useFactory }',
      );
  }
  return monitored.filter(({ name, reach }) => reach !== 'unknown' && !replaced.includes(name));
}

/** Whether Nest runs guards for GraphQL fields: of `some` if the app has several GraphQL modules; undefined if it has none that is known. */
function guardsFields(discovery: DiscoveryService): boolean | 'some' | undefined {
  const modules = discovery.getProviders().filter(({ token }) => token === GRAPHQL_OPTIONS);
  const guarded = modules.map(
    ({ instance }) =>
      !!(Object(instance) as { fieldResolverEnhancers?: string[] }).fieldResolverEnhancers?.includes('guards'),
  );
  return guarded.includes(true) && guarded.includes(false) ? 'some' : guarded[0];
}

function isCost(cost: unknown, most: number): boolean {
  return typeof cost === 'function' || (typeof cost === 'number' && cost >= 0 && cost <= most);
}
