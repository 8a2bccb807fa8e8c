// @ts-check
import 'reflect-metadata';

import { Controller, Post } from '@nestjs/common';

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
