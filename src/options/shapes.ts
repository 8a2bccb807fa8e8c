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
  Max,
  Min,
  ValidateBy,
  ValidateIf,
} from 'class-validator';

/** What each option may be. A message says what to write instead. */
const says = (message: string): { message: string } => ({ message });

const IsFunction = (message: string): PropertyDecorator =>
  ValidateBy({ name: 'isFunction', validator: { validate: (value) => typeof value === 'function' } }, says(message));

const HasMethods = (methods: string[], message: string): PropertyDecorator =>
  ValidateBy(
    {
      name: 'hasMethods',
      validator: {
        validate: (value) =>
          methods.every((method) => typeof (Object(value) as Record<string, unknown>)[method] === 'function'),
      },
    },
    says(message),
  );

const WHOLE = 'a whole number, 0 or more';
const MULTIPLE = 'a multiple of the threshold above 0, such as 1';
const WINDOW = 'a whole number of milliseconds from 1000 to 86400000, or leave it out for 60000';
const LEVELS = "a list such as [{ at: 1, severity: 'warning' }], or leave it out for just that";
/** Node's timers hold no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const wholeFrom1 = (unit: string, otherwise: number): string =>
  `a whole number of ${unit}, 1 or more, or leave it out for ${otherwise}`;

export class LevelShape {
  @IsNumber({}, says(MULTIPLE))
  @IsPositive(says(MULTIPLE))
  at: unknown;

  @IsIn(['info', 'warning', 'critical'], says("'info', 'warning' or 'critical'"))
  severity: unknown;
}

export class CategoryShape {
  @ValidateIf((category: CategoryShape) => typeof category.threshold !== 'function')
  @IsInt(says(WHOLE))
  @Min(0, says(WHOLE))
  threshold: unknown;

  @IsOptional()
  @IsInt(says(WINDOW))
  @Min(1_000, says(WINDOW))
  @Max(86_400_000, says(WINDOW))
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
  @IsInt(says(wholeFrom1('milliseconds', 50)))
  @Min(1, says(wholeFrom1('milliseconds', 50)))
  @Max(LONGEST_TIMER_MS, says('a shorter time'))
  waitAtMostMs: unknown;

  @IsOptional()
  @IsInt(says(wholeFrom1('milliseconds', 100)))
  @Min(1, says(wholeFrom1('milliseconds', 100)))
  @Max(LONGEST_TIMER_MS, says('a shorter time'))
  flushIntervalMs: unknown;

  @IsOptional()
  @IsInt(says(wholeFrom1('tenants', 100_000)))
  @Min(1, says(wholeFrom1('tenants', 100_000)))
  maxTrackedTenants: unknown;

  @IsOptional()
  @IsArray(says('a list of alert channels, or leave it out'))
  channels: unknown;

  @IsOptional()
  @IsFunction('a function of the execution context that gives true or false, or leave it out')
  skipIf: unknown;

  @IsOptional()
  @IsBoolean(says('true or false, or leave it out for true'))
  enabled: unknown;
}

export class ChannelShape {
  @Matches(/\S/, says('a name, for the log'))
  name: unknown;

  @IsFunction('a method that sends one alert')
  send: unknown;
}
