/** Stops the Redis that global-setup.ts started, if it started one. */
module.exports = () => globalThis.testRedis?.kill();
