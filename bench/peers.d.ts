// Installed by `bench/package.json` only, when the benchmarks run.
declare module '@nest-lab/throttler-storage-redis';
declare module 'prom-client';
declare module 'rate-limiter-flexible';
declare module 'nestjs-rate-monitor-other';
