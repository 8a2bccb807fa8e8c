import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';

import { RateMonitorService } from './rate-monitor.service.js';

/**
 * Counts what the guard had to leave, after all guards. Handlers that are known when the app starts need it not: they are looked at a second
 * time anyway. Bind it, beside {@link RateMonitorGuard} or alone, on those of a module that is loaded later.
 */
@Injectable()
export class RateMonitorInterceptor implements NestInterceptor {
  constructor(private readonly monitor: RateMonitorService) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    return this.monitor.observe(context, true)?.then(() => next.handle()) ?? next.handle();
  }
}
