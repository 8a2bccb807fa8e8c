import {
  ArrayNotEmpty,
  IsArray,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsPositive,
  Matches,
  Max,
  Min,
  ValidateIf,
} from 'class-validator';

import { PERIODS } from '../model/category.js';
import { SEVERITIES } from '../model/level.js';
import type { SharedState } from '../store/shared-state.js';
import type { UsageStore } from '../store/usage-store.js';
import { isHttpUrl } from '../util/http-url.js';
import { hasMethods, isFunction, isOptional } from '../util/shapes.js';
import { holdsAddress } from '../util/text.js';
import { isTimeZone } from '../util/time-zone.js';
import { enterOwnMetadata } from './isolated-class-validator.js';
import {
  HasMethods,
  IsFunction,
  IsRecord,
  IsTruth,
  IsTruthOrRecord,
  IsWhole,
  Passes,
  writeInstead,
} from './rule-decorators.js';

const leaveOwnMetadata = enterOwnMetadata();

/** What each option may be. */
export const MIN_WINDOW_MS = 1_000;
const WHOLE = 'a whole number, 0 or more';
/** No half of a surrogate pair: it names keys in the store, where it could not be encoded. */
const NAME = /^(?=.*\S)[^\n\r\u2028\u2029\p{Cs}]{1,100}$/u;
const MULTIPLE = 'a multiple of the threshold above 0, such as 1';
const COST = 'a number above 0, 1000000000000000 at most, or leave it out for 1000000000';
/** Sums of several costs up to this are still exact. Costs near the largest number would add up to Infinity. */
const MAX_COST = 1e15;
const TENANT = 'a function of the execution context that returns a tenant, or leave it out';
const CONTRIBUTOR = 'a function of the execution context that returns a name, or leave it out';
const EXEMPT = 'a function of the tenant that returns true or false, or leave it out';
const STORE = 'an object with the methods of CounterStore and its name, or leave it out';
const STORE_PARTS =
  'a store whose time, open and close are functions, and whose state and usage have all methods of SharedState and UsageStore, as far as it has them';
const STATE: (keyof SharedState)[] = ['list', 'read', 'swap', 'due', 'size', 'trim', 'claim', 'release'];
const USAGE: (keyof UsageStore)[] = [
  'report',
  'claimCopy',
  'copy',
  'closeSum',
  'addPeaks',
  'top',
  'near',
  'history',
  'totals',
  'peaks',
  'seen',
  'seenOf',
  'seenCount',
  'bytes',
];
const LEVELS = "a list such as [{ at: 1, severity: 'warning' }], or leave it out for just that";
const WINDOWS =
  "a list such as [{ threshold: 15 }, { period: 'month', threshold: 30_000 }], or leave it out for one window";

export class LevelShape {
  @IsNumber({}, writeInstead(MULTIPLE))
  @IsPositive(writeInstead(MULTIPLE))
  at: unknown;

  @IsIn(SEVERITIES, writeInstead("'info', 'warning' or 'critical'"))
  severity: unknown;
}

export class WindowShape {
  @ValidateIf(({ threshold, windows }: CategoryShape) => windows === undefined && !isThresholdWithoutShape(threshold))
  @IsInt(writeInstead(WHOLE))
  @Min(0, writeInstead(WHOLE))
  threshold: unknown;

  @IsOptional()
  @IsWhole(MIN_WINDOW_MS, 'milliseconds', 60_000, 2_678_400_000)
  windowMs: unknown;

  @IsOptional()
  @IsIn(PERIODS, writeInstead("'day', 'week' or 'month', or leave it out"))
  period: unknown;

  @IsOptional()
  @Passes('isTimeZone', isTimeZone, "the name of a time zone, such as 'Asia/Kolkata', or leave it out for 'UTC'")
  timeZone: unknown;

  @IsOptional()
  @IsTruth('true or false, or leave it out for false')
  sliding: unknown;

  @IsOptional()
  @IsArray(writeInstead(LEVELS))
  @ArrayNotEmpty(writeInstead(LEVELS))
  levels: unknown;
}

export class CategoryShape extends WindowShape {
  @IsOptional()
  @IsArray(writeInstead(WINDOWS))
  @ArrayNotEmpty(writeInstead(WINDOWS))
  windows: unknown;

  @IsOptional()
  @IsNumber({}, writeInstead(COST))
  @IsPositive(writeInstead(COST))
  @Max(MAX_COST, writeInstead(COST))
  maxCost: unknown;

  @IsOptional()
  @IsFunction(TENANT)
  tenant: unknown;

  @IsOptional()
  @IsFunction(CONTRIBUTOR)
  contributor: unknown;

  @IsOptional()
  @IsFunction(EXEMPT)
  exempt: unknown;
}

/** Functions are called later, and `Infinity` is a number that no count exceeds. */
function isThresholdWithoutShape(threshold: unknown): boolean {
  return typeof threshold === 'function' || threshold === Infinity;
}

function isRedis(value: unknown): boolean {
  const { namespace, duplicate } = Object(value) as Record<string, unknown>;
  // An address is not a namespace. It may hold a password, which the error about a missing nestjs-redis client would show.
  return typeof namespace === 'string' ? !holdsAddress(namespace) : typeof duplicate === 'function';
}

/** A missing method would be noticed only when it is called, and some are first called at shutdown. */
function hasParts(store: unknown): boolean {
  const { time, open, close, state, usage } = Object(store) as Record<string, unknown>;
  const functions = [time, open, close].every(isOptional(isFunction));
  return functions && isOptional(hasMethods(STATE))(state) && isOptional(hasMethods(USAGE))(usage);
}

export class OptionsShape {
  @IsRecord('an object such as { llm_call: { threshold: 15 } }, or leave it out')
  categories: unknown;

  @IsOptional()
  @IsFunction(TENANT)
  tenant: unknown;

  @IsOptional()
  @IsFunction(CONTRIBUTOR)
  contributor: unknown;

  @IsOptional()
  @IsFunction(EXEMPT)
  exempt: unknown;

  @IsOptional()
  @Passes(
    'isRedis',
    isRedis,
    "an ioredis client or Cluster, or { namespace: 'name of a nestjs-redis client' }, or leave it out",
  )
  redis: unknown;

  @IsOptional()
  @HasMethods(['publish', 'read'], STORE)
  @Passes('hasName', (store) => typeof (store as { name?: unknown }).name === 'string', STORE)
  @Passes('hasParts', hasParts, STORE_PARTS)
  store: unknown;

  @IsOptional()
  @Matches(
    NAME,
    writeInstead('a name of 100 characters at most on one line, or leave it out for the name in package.json'),
  )
  service: unknown;

  @IsOptional()
  @Matches(NAME, writeInstead("a name such as 'production', 100 characters at most, or leave it out for NODE_ENV"))
  environment: unknown;

  @IsOptional()
  @Passes('isHttpUrl', isHttpUrl, "an address such as 'https://api.example.com/rate-monitor', or leave it out")
  publicUrl: unknown;

  @IsOptional()
  @Matches(/^[\w:.-]+$/, writeInstead("letters, digits and _ : . - only, or leave it out for 'rate_monitor'"))
  keyPrefix: unknown;

  @IsOptional()
  @IsIn(['auto', 'await', 'background'], writeInstead("'auto', 'await' or 'background', or leave it out for 'auto'"))
  counting: unknown;

  @IsOptional()
  @IsWhole(1, 'milliseconds', 50)
  waitAtMostMs: unknown;

  @IsOptional()
  @IsWhole(1, 'milliseconds', 100)
  flushIntervalMs: unknown;

  @IsOptional()
  @IsWhole(1, 'tenants', 100_000)
  maxTrackedTenants: unknown;

  @IsOptional()
  @IsWhole(1, 'milliseconds', 60_000)
  thresholdTtlMs: unknown;

  @IsOptional()
  @IsArray(writeInstead('a list of alert channels, or leave it out'))
  channels: unknown;

  @IsOptional()
  @IsTruthOrRecord('true, false, or { remindAfterMs, resolveAfterMs }, or leave it out for false')
  incidents: unknown;

  @IsOptional()
  @IsWhole(1, 'incidents', 10_000, 1_000_000)
  maxOpenIncidents: unknown;

  @IsOptional()
  @IsWhole(0, 'milliseconds', 1_000, 60_000)
  groupWaitMs: unknown;

  @IsOptional()
  @IsWhole(0, 'milliseconds', 5_000)
  shutdownFlushMs: unknown;

  @IsOptional()
  @IsWhole(1, 'milliseconds', 30_000)
  blindAfterMs: unknown;

  @IsOptional()
  @IsTruthOrRecord('true, false, or { retentionMs, hourlyRetentionMs }, or leave it out for true')
  usage: unknown;

  @IsOptional()
  @IsRecord('an object such as { tenants: 50 }, or leave it out for just that')
  metrics: unknown;

  @IsOptional()
  @IsFunction('a function of the execution context that returns true or false, or leave it out')
  skipIf: unknown;

  @IsOptional()
  @IsTruth('true or false, or leave it out for true')
  enabled: unknown;
}

export class UsageShape {
  @IsOptional()
  @IsWhole(3_600_000, 'milliseconds', 86_400_000, 604_800_000)
  retentionMs: unknown;

  @IsOptional()
  @IsWhole(86_400_000, 'milliseconds', 2_592_000_000, 7_776_000_000)
  hourlyRetentionMs: unknown;
}

export class MetricsShape {
  @IsOptional()
  @IsWhole(0, 'tenants', 50, 1_000)
  tenants: unknown;
}

export class IncidentsShape {
  @IsOptional()
  @IsWhole(1, 'milliseconds', 1_800_000)
  remindAfterMs: unknown;

  @IsOptional()
  @IsWhole(1, 'milliseconds', 'five windows')
  resolveAfterMs: unknown;
}

export class ChannelShape {
  @Matches(NAME, writeInstead('a name of 100 characters at most on one line'))
  name: unknown;

  @IsFunction('a method that sends one alert')
  send: unknown;

  @IsOptional()
  @IsIn(SEVERITIES, writeInstead("'info', 'warning' or 'critical', or leave it out for all"))
  minSeverity: unknown;

  @IsOptional()
  @IsArray(writeInstead('a list of categories, or leave it out for all'))
  categories: unknown;

  @IsOptional()
  @IsWhole(1_000, 'milliseconds', 'never')
  repeatEveryMs: unknown;
}

leaveOwnMetadata();
