/** What is used of OpenTelemetry's API, as it registers itself for all of a process. */
interface OpenTelemetryApi {
  context?: ContextManager;
}

interface ContextManager {
  active(): Context;
  with<T>(context: Context, work: () => T): T;
}

interface Context {
  setValue(key: symbol, value: unknown): Context;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SUPPRESS_TRACING = Symbol.for('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Runs something, with all that follows from it, so that OpenTelemetry makes no span of it. Without OpenTelemetry it just runs. */
export function withoutTracing<T>(work: () => T): T {
  const manager = (globalThis as { [API]?: OpenTelemetryApi })[API]?.context;
  return manager ? manager.with(manager.active().setValue(SUPPRESS_TRACING, true), work) : work();
}
