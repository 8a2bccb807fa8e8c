import { IsInt, Max, Min, ValidateBy } from 'class-validator';

/** Node's timers hold no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A message says what to write instead. */
export const says = (message: string): { message: string } => ({ message });

export const IsFunction = (message: string): PropertyDecorator =>
  ValidateBy({ name: 'isFunction', validator: { validate: (value) => typeof value === 'function' } }, says(message));

export const HasMethods = (methods: string[], message: string): PropertyDecorator =>
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

/** A whole number from `least` on, that a timer can hold; left out it is `otherwise`. */
export const IsWhole =
  (least: number, unit: string, otherwise: number | string, most = LONGEST_TIMER_MS): PropertyDecorator =>
  (target, property) => {
    const range = most === LONGEST_TIMER_MS ? `${least} or more` : `${least} to ${most}`;
    const otherwiseSays = says(`a whole number of ${unit}, ${range}, or leave it out for ${otherwise}`);
    IsInt(otherwiseSays)(target, property);
    Min(least, otherwiseSays)(target, property);
    Max(most, most === LONGEST_TIMER_MS ? says('a shorter time') : otherwiseSays)(target, property);
  };
