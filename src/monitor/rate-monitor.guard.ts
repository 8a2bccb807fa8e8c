import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';

import { RateMonitorService } from './rate-monitor.service.js';

/** Global: counts the requests whose tenant is known before the controller's guards run. It lets every request through. */
@Injectable()
export class RateMonitorGuard implements CanActivate {
  constructor(private readonly monitor: RateMonitorService) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return this.monitor.observe(context, false)?.then(letThrough) ?? true;
  }
}

function letThrough(): true {
  return true;
}
