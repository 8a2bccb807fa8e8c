import { resolve } from 'node:path';

import type { RateMonitorOptions } from '../../src/index.js';
import { EDITION_1 } from './edition-1.js';
import { TestProcess } from './test-process.js';

const CODE = { first: EDITION_1, this: resolve('src/index.ts') };

export type Edition = keyof typeof CODE;

export interface EditionCall {
  readonly tenant: string;
  readonly times: number;
}

export interface EditionAnswer {
  readonly ready?: true;
  readonly line?: string;
  readonly alert?: { readonly tenant: string; readonly at: number };
  readonly sum?: number;
}

/** An app of one of the editions. */
export class EditionProcess extends TestProcess<EditionAnswer, EditionCall> {
  readonly lines: string[] = [];
  readonly alerts: NonNullable<EditionAnswer['alert']>[] = [];

  static async start(edition: Edition, url: string, options: RateMonitorOptions): Promise<EditionProcess> {
    const started = new EditionProcess('edition', {
      EDITION_CODE: CODE[edition],
      EDITION_OPTIONS: JSON.stringify({ ...options, url }),
    });
    started.hear(({ line, alert }) => {
      if (line !== undefined) started.lines.push(line);
      if (alert) started.alerts.push(alert);
    });
    await started.next(({ ready }) => ready);
    return started;
  }

  /** Counts so many more for a tenant; the answer is the sum that it is given. */
  count(tenant: string, times: number): Promise<number> {
    return this.exchange({ tenant, times }, ({ sum }) => sum);
  }
}
