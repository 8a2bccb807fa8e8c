// @ts-check
import 'reflect-metadata';

import { Controller, Post, UseGuards } from '@nestjs/common';

export class LlmController {
  call() {
    return 'ok';
  }
}

/**
 * The endpoint that all contestants serve, marked for the monitor if its decorator is given.
 *
 * @param {(category: string) => MethodDecorator} [MonitorRate]
 */
export function decorate(MonitorRate) {
  const { prototype } = LlmController;
  const descriptor = { ...Object.getOwnPropertyDescriptor(prototype, 'call') };
  MonitorRate?.('llm_call')(prototype, 'call', descriptor);
  Post('call')(prototype, 'call', descriptor);
  Controller('llm')(LlmController);
  return LlmController;
}

/**
 * The path of a further endpoint, as long as that of the first: a longer one takes longer to read and to find.
 *
 * @param {number} index
 */
export function pathBeside(index) {
  return `/llm/no-${index}`;
}

/**
 * The same endpoint again, with a guard of its own.
 *
 * @param {string} path
 * @param {import('@nestjs/common').CanActivate} guard
 */
export function guardedEndpoint(path, guard) {
  class GuardedController {
    call() {
      return 'ok';
    }
  }
  const descriptor = { ...Object.getOwnPropertyDescriptor(GuardedController.prototype, 'call') };
  UseGuards(guard)(GuardedController.prototype, 'call', descriptor);
  Post()(GuardedController.prototype, 'call', descriptor);
  Controller(path)(GuardedController);
  return GuardedController;
}
