// @ts-check
// What benchmarks share with the tests, which are TypeScript.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);
load('../../test/support/register.js');

/** @type {typeof import('../../test/support/redis-server.js')} */
export const { RedisServer } = load('../../test/support/redis-server.ts');
/** @type {typeof import('../../test/support/free-port.js')} */
export const { freePort } = load('../../test/support/free-port.ts');
/** @type {typeof import('../../test/support/edition-1.js')} */
export const { unpackEdition1 } = load('../../test/support/edition-1.ts');
