/** Of the Redis that global-setup.ts has started, where it did. */
module.exports = () => globalThis.testRedis?.kill();
