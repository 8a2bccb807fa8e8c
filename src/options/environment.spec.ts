import type { ModuleRef } from '@nestjs/core';

import { environmentOf } from './environment.js';

it('is of the process if the app has no ConfigService', async () => {
  const app = {
    get: () => {
      throw new Error('no such provider');
    },
  };
  const environment = await environmentOf(app as unknown as ModuleRef);
  expect(environment.get('PATH')).toBe(process.env.PATH);
  expect(environment.names()).toContain('PATH');
});
