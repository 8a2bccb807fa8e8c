import type { Logger } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';

import type { Category } from '../model/category.js';
import { RateMonitorConfigError } from '../model/config-error.js';
import type { MarkedHandler, MarkedHandlers } from '../monitor/marked-handlers.js';
import type { Mark } from '../monitor/monitor-rate.decorator.js';
import { unknownCategory } from '../monitor/request-monitor.js';
import { capitalized, numberOrKind } from '../util/text.js';

/** Where GraphQLModule keeps its options. */
const GRAPHQL_OPTIONS = 'GqlModuleOptions';
/** What Nest runs for GraphQL fields only if GraphQLModule says so, and the marks that need it. */
const OF_FIELDS = [
  { name: 'guards', by: '', setting: "['guards']", isFor: ({ when }: Mark) => !when },
  {
    name: 'interceptors',
    by: ' with after or when',
    setting: "['guards', 'interceptors']",
    isFor: ({ when }: Mark) => !!when,
  },
];
type OfFields = (typeof OF_FIELDS)[number];
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
  const found = lookAt(handlers, discovery);
  const problems = new Set([...costProblems(found, categories), ...bindingProblems(found)]);
  if (problems.size > 0) throw new RateMonitorConfigError([...problems]);
  for (const doubt of doubtsAbout(found)) logger.warn(doubt);
  return found.monitored.filter(({ name, reach }) => reach !== 'unknown' && !found.replaced.includes(name));
}

/** What the app marks, and how Nest sees it. */
interface Found extends ReturnType<MarkedHandlers['problems']> {
  readonly marked: readonly MarkedHandler[];
  /** Those that Nest runs guards for, as far as is known. */
  readonly monitored: readonly MarkedHandler[];
  /** The handlers of each marked class that are not marked themselves. */
  readonly classes: readonly (readonly [MarkedHandler, ...MarkedHandler[]])[];
  readonly isInert: (handler: MarkedHandler) => boolean;
  /** What a field's marks need, and every or some GraphQLModule of the app does not run for fields. */
  readonly lacks: (handler: MarkedHandler, which: 'every' | 'some') => OfFields[];
  readonly globalBy: ReturnType<MarkedHandlers['globalBy']>;
}

function lookAt(handlers: MarkedHandlers, discovery: DiscoveryService): Found {
  const marked = handlers.list();
  const modules = fieldEnhancers(discovery);
  const lacks: Found['lacks'] = (each, which) =>
    each.reach === 'field' && modules.length > 0
      ? OF_FIELDS.filter(
          ({ name, isFor }) => each.marks.some(isFor) && modules[which]((enhancers) => !enhancers.includes(name)),
        )
      : [];
  const counted = (each: MarkedHandler): MarkedHandler => {
    const lacking = lacks(each, 'every');
    return { ...each, marks: each.marks.filter((mark) => !lacking.some(({ isFor }) => isFor(mark))) };
  };
  const isInert = (each: MarkedHandler): boolean => each.reach === 'unguarded' || counted(each).marks.length === 0;
  const byClassMark = new Map<object, MarkedHandler[]>();
  for (const each of marked)
    if (!each.isMarkedItself) byClassMark.set(each.owner, [...(byClassMark.get(each.owner) ?? []), each]);
  const classes = [...byClassMark.values()] as [MarkedHandler, ...MarkedHandler[]][];
  const monitored = marked.filter((each) => !isInert(each)).map(counted);
  return {
    ...handlers.problems(),
    marked,
    monitored,
    classes,
    isInert,
    lacks,
    globalBy: handlers.globalBy(),
  };
}

function* costProblems({ marked }: Found, categories: ReadonlyMap<string, Category>): Generator<string> {
  for (const { name, marks } of marked)
    for (const { category, cost } of marks) {
      const known = categories.get(category);
      if (!known) yield unknownCategory(name, category, categories);
      else if (!isCost(cost, known.maxCost))
        yield `@MonitorRate on ${name} has a cost in ${category} that cannot be counted: ${numberOrKind(cost)}. Write a number, 0 to ${known.maxCost} (maxCost), or a function`;
    }
}

/** Decorators that certainly have no effect, or count twice. */
function* bindingProblems(found: Found): Generator<string> {
  const { marked, classes, isInert, lacks, globalBy, lost, accessors, empty } = found;
  if (globalBy)
    yield `RateMonitorGuard is bound globally, so each request would count twice: remove it from ${globalBy}. @MonitorRate binds it itself`;
  for (const mark of lost)
    yield (
      `${mark} is lost: a decorator above it replaces the method without copying its metadata, which also removes guards and marks below ` +
      'it. Move it above that decorator, or make that copy the metadata'
    );
  for (const mark of accessors)
    yield (
      `${mark} has no effect: a decorator above it makes the method an accessor, and Nest routes no requests to accessors. ` +
      'Remove that decorator: Nest binds handlers to their instance itself'
    );
  const noHandler = (name: string): string =>
    `@MonitorRate on ${name} has no effect: no method of the class handles requests. Remove it, or ${RECORD}`;
  const notRun = (each: MarkedHandler, markedName: string): string[] =>
    lacks(each, 'every').map(
      ({ name, by, setting }) =>
        `@MonitorRate on ${markedName}${by} has no effect: Nest runs no ${name} for fields by default. Set fieldResolverEnhancers: ${setting} in GraphQLModule`,
    );
  yield* empty.map(noHandler);
  for (const group of classes.filter((all) => all.every(isInert))) {
    const lacking = group.flatMap((each) => notRun(each, each.ownerName));
    yield* lacking.length > 0 ? lacking : [noHandler(group[0].ownerName)];
  }
  for (const each of marked.filter(({ isMarkedItself }) => isMarkedItself)) {
    if (each.reach === 'unguarded')
      yield `@MonitorRate on ${each.name} has no effect: Nest runs no guards for timers, events, queues and commands. ${capitalized(RECORD)}`;
    yield* notRun(each, each.name);
  }
}

/** What may have no effect. It does not stop the boot: a test may have put a spy in place of a method. */
function* doubtsAbout(found: Found): Generator<string> {
  const { monitored, classes, isInert, lacks, replaced, foreign, overriding } = found;
  for (const name of replaced)
    yield (
      `@MonitorRate on ${name} is lost, and nothing is counted there: the instance has another function in place of the method, bound in the ` +
      "constructor or made by a proxy, without the method's metadata. Guards on the method are lost too. Remove that function, or copy the metadata"
    );
  for (const name of foreign)
    yield (
      `@MonitorRate on ${name} is lost, and nothing is counted there: the instances of the class that it marks are of another class, ` +
      'as happens if a decorator replaces a class by a proxy. Move @MonitorRate to that other class, below the decorator that makes the proxy'
    );
  for (const name of overriding)
    yield (
      `${name} overrides a method that has @MonitorRate, and is not counted: an overriding method does not inherit decorators. Write ` +
      '@MonitorRate there too, or @SkipMonitorRate() if nothing should be counted'
    );
  const unsure = (name: string): string =>
    `@MonitorRate on ${name}: no request is known to reach it through Nest's guards. If nothing is counted, list the class where ` +
    `Nest looks for such handlers (in controllers; a gateway or a resolver in providers), or ${RECORD}`;
  for (const group of classes)
    if (group.every((each) => isInert(each) || each.reach === 'unknown')) yield unsure(group[0].ownerName);
  for (const each of monitored) {
    const { name, reach, isMarkedItself, bound } = each;
    for (const { by, setting } of isMarkedItself ? lacks(each, 'some') : [])
      yield `@MonitorRate on ${name}${by} counts only if its GraphQLModule has fieldResolverEnhancers: ${setting}: one GraphQLModule of this app has it, another does not`;
    if (reach === 'unknown' && isMarkedItself) yield unsure(name);
    else if (!bound)
      yield (
        `The guard of ${name} could not be bound: requests are counted only if Nest runs global guards there, even those that other guards refuse. ` +
        'List the class itself in providers or controllers, not { provide, useClass } or { provide, useFactory }'
      );
  }
}

/** What each GraphQLModule of the app lets Nest run for fields. */
function fieldEnhancers(discovery: DiscoveryService): string[][] {
  return discovery
    .getProviders()
    .filter(({ token }) => token === GRAPHQL_OPTIONS)
    .map(({ instance }) => (Object(instance) as { fieldResolverEnhancers?: string[] }).fieldResolverEnhancers ?? []);
}

function isCost(cost: unknown, most: number): boolean {
  return typeof cost === 'function' || (typeof cost === 'number' && cost >= 0 && cost <= most);
}
