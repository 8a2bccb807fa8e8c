// @ts-check
// What benchmarks share with the tests, which are TypeScript.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);
load('../../test/support/register.js');

/** @type {typeof import('../../test/support/redis-server.js')} */
export const { RedisServer } = load('../../test/support/redis-server.ts');
/** @type {typeof import('../../test/support/free-port.js')} */
export const { freePort } = load('../../test/support/free-port.ts');
/** @type {typeof import('../../test/support/v0-1.js')} */
export const { unpackV01 } = load('../../test/support/v0-1.ts');
