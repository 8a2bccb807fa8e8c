import type { CanActivate, ExecutionContext } from '@nestjs/common';

import { begunObservation } from './observation.js';

/** Where Nest keeps the guards of a handler, in the order in which they run. */
const GUARDS = '__guards__';

/**
 * The last guard of every monitored handler: it looks again at the requests that the global guard had to leave, those whose tenant a
 * controller's guard has found since. A guard and not an interceptor, which costs a request many times what all the rest does.
 *
 * It is one for all apps of the process, since they may share a handler: whose request it is, the global guard has left on it.
 */
const lastLook: CanActivate = {
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const observation = begunObservation(context);
    if (!observation || (observation.left.length === 0 && !observation.pending)) return true;
    return observation.observer.observe(context, true)?.then(letThrough) ?? true;
  },
};

/** Puts it behind all other guards of a handler. Nest reads those when it makes the routes. */
export function lookLast(handler: object): void {
  // As Nest does, through prototypes: a wrapped handler inherits the guards of the original, and own metadata here would hide them.
  const guards = (Reflect.getMetadata(GUARDS, handler) ?? []) as unknown[];
  if (!guards.includes(lastLook)) Reflect.defineMetadata(GUARDS, [...guards, lastLook], handler);
}

function letThrough(): true {
  return true;
}
