import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsPositive,
  Matches,
  Min,
  ValidateIf,
} from 'class-validator';

import { SEVERITIES } from '../model/level.js';
import { HasMethods, IsFunction, IsWhole, says } from './shape-rules.js';

/** What each option may be. */
const WHOLE = 'a whole number, 0 or more';
const MULTIPLE = 'a multiple of the threshold above 0, such as 1';
const LEVELS = "a list such as [{ at: 1, severity: 'warning' }], or leave it out for just that";

export class LevelShape {
  @IsNumber({}, says(MULTIPLE))
  @IsPositive(says(MULTIPLE))
  at: unknown;

  @IsIn(SEVERITIES, says("'info', 'warning' or 'critical'"))
  severity: unknown;
}

export class CategoryShape {
  @ValidateIf((category: CategoryShape) => typeof category.threshold !== 'function')
  @IsInt(says(WHOLE))
  @Min(0, says(WHOLE))
  threshold: unknown;

  @IsOptional()
  @IsWhole(1_000, 'milliseconds', 60_000, 86_400_000)
  windowMs: unknown;

  @IsOptional()
  @IsIn(['fixed'], says("'fixed', or leave it out"))
  algorithm: unknown;

  @IsOptional()
  @IsArray(says(LEVELS))
  @ArrayNotEmpty(says(LEVELS))
  levels: unknown;

  @IsOptional()
  @IsFunction('a function of the execution context that gives a tenant, or leave it out')
  tenant: unknown;
}

export class OptionsShape {
  @IsObject(says('an object such as { llm_call: { threshold: 15 } }, or leave it out'))
  categories: unknown;

  @IsOptional()
  @IsFunction('a function of the execution context that gives a tenant, or leave it out')
  tenant: unknown;

  @IsOptional()
  @ValidateIf(({ redis }: OptionsShape) => typeof (Object(redis) as { namespace?: unknown }).namespace !== 'string')
  @HasMethods(
    ['duplicate'],
    "an ioredis client or Cluster, or { namespace: 'name of a nestjs-redis client' }, or leave it out",
  )
  redis: unknown;

  @IsOptional()
  @HasMethods(['publish', 'read'], 'an object with the methods of CounterStore, or leave it out')
  store: unknown;

  @IsOptional()
  @Matches(/^[\w:.-]+$/, says("letters, digits and _ : . - only, or leave it out for 'rate_monitor'"))
  keyPrefix: unknown;

  @IsOptional()
  @IsIn(['await', 'background'], says("'await' or 'background', or leave it out for 'await'"))
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
  @IsArray(says('a list of alert channels, or leave it out'))
  channels: unknown;

  @IsOptional()
  @ValidateIf(({ incidents }: OptionsShape) => typeof incidents !== 'object')
  @IsBoolean(says('true, false, or { remindAfterMs, resolveAfterMs }, or leave it out for false'))
  incidents: unknown;

  @IsOptional()
  @IsWhole(0, 'milliseconds', 1_000, 60_000)
  groupWaitMs: unknown;

  @IsOptional()
  @IsWhole(0, 'milliseconds', 5_000)
  shutdownFlushMs: unknown;

  @IsOptional()
  @IsFunction('a function of the execution context that gives true or false, or leave it out')
  skipIf: unknown;

  @IsOptional()
  @IsBoolean(says('true or false, or leave it out for true'))
  enabled: unknown;
}

export class IncidentsShape {
  @IsOptional()
  @IsWhole(1, 'milliseconds', 1_800_000)
  remindAfterMs: unknown;

  @IsOptional()
  @IsWhole(1, 'milliseconds', 'two windows')
  resolveAfterMs: unknown;
}

export class ChannelShape {
  @Matches(/\S/, says('a name, for the log'))
  name: unknown;

  @IsFunction('a method that sends one alert')
  send: unknown;

  @IsOptional()
  @IsIn(SEVERITIES, says("'info', 'warning' or 'critical', or leave it out for all"))
  minSeverity: unknown;

  @IsOptional()
  @IsArray(says('a list of categories, or leave it out for all'))
  categories: unknown;
}
