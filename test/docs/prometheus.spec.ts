import { metrics } from '@opentelemetry/api';
import type { MeterProvider } from '@opentelemetry/sdk-metrics';

import { startApp } from '../support/app.js';
import './prometheus.js';

it('the snippet exports the metrics of an app to Prometheus', async () => {
  const { close } = await startApp({});
  try {
    const page = await (await fetch('http://127.0.0.1:9464/metrics')).text();
    expect(page).toMatch(/^rate_monitor_store_up\{.*\} 1$/m);
  } finally {
    await close();
    await (metrics.getMeterProvider() as MeterProvider).shutdown();
  }
});
