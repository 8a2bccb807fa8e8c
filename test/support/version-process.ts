import { resolve } from 'node:path';

import type { RateMonitorOptions } from '../../src/index.js';
import { V01_CODE } from './v0-1.js';
import { TestProcess } from './test-process.js';

const CODE = { '0.1': V01_CODE, this: resolve('src/index.ts') };

export type Version = keyof typeof CODE;

export interface VersionCall {
  readonly tenant: string;
  readonly times: number;
}

export interface VersionAnswer {
  readonly ready?: true;
  readonly line?: string;
  readonly alert?: { readonly tenant: string; readonly at: number };
  readonly sum?: number;
}

/** An app of one of the versions. */
export class VersionProcess extends TestProcess<VersionAnswer, VersionCall> {
  readonly lines: string[] = [];
  readonly alerts: NonNullable<VersionAnswer['alert']>[] = [];

  static async start(version: Version, url: string, options: RateMonitorOptions): Promise<VersionProcess> {
    const started = new VersionProcess('version-app', {
      VERSION_CODE: CODE[version],
      VERSION_OPTIONS: JSON.stringify({ ...options, url }),
    });
    started.hear(({ line, alert }) => {
      if (line !== undefined) started.lines.push(line);
      if (alert) started.alerts.push(alert);
    });
    await started.next(({ ready }) => ready);
    return started;
  }

  /** Counts `times` more for a tenant; resolves with the sum that the store returns to it. */
  count(tenant: string, times: number): Promise<number> {
    return this.exchange({ tenant, times }, ({ sum }) => sum);
  }
}
