import { IsInt, Max, Min, ValidateBy } from 'class-validator';

import { hasMethods, isBoolean, isFunction, isRecord } from '../util/shapes.js';

/** The maximum of Node's timers. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What to write instead of a wrong value. */
export const writeInstead = (message: string): { message: string } => ({ message });

export const Passes = (name: string, passes: (value: unknown) => boolean, message: string): PropertyDecorator => {
  const validate = (value: unknown): boolean => {
    try {
      return passes(value);
    } catch {
      // A getter of a client, a store or a channel threw.
      return false;
    }
  };
  return ValidateBy({ name, validator: { validate } }, writeInstead(message));
};

export const IsRecord = (message: string): PropertyDecorator => Passes('isRecord', isRecord, message);

export const IsFunction = (message: string): PropertyDecorator => Passes('isFunction', isFunction, message);

export const IsTruth = (message: string): PropertyDecorator =>
  // Not class-validator's rule, which accepts a Boolean object. Such an object is truthy even for false.
  Passes('isTruth', isBoolean, message);

export const IsTruthOrRecord = (message: string): PropertyDecorator =>
  Passes('isTruthOrRecord', (value) => isBoolean(value) || isRecord(value), message);

export const HasMethods = (methods: string[], message: string): PropertyDecorator =>
  Passes('hasMethods', hasMethods(methods), message);

/** A whole number of `least` or more, within the range of a timer; `otherwise` is the default. */
export const IsWhole =
  (least: number, unit: string, otherwise: number | string, most = LONGEST_TIMER_MS): PropertyDecorator =>
  (target, property) => {
    const range = most === LONGEST_TIMER_MS ? `${least} or more` : `${least} to ${most}`;
    const remedy = writeInstead(`a whole number of ${unit}, ${range}, or leave it out for ${otherwise}`);
    IsInt(remedy)(target, property);
    Min(least, remedy)(target, property);
    Max(most, most === LONGEST_TIMER_MS ? writeInstead(`${most} at most, or leave it out for ${otherwise}`) : remedy)(
      target,
      property,
    );
  };
