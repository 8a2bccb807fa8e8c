import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { RateMonitorService } from 'nestjs-rate-monitor';

@Injectable()
export class NightlyEvaluations {
  constructor(private readonly monitor: RateMonitorService) {}

  @Cron('0 3 * * *', { name: 'nightly-evaluations' })
  async run(): Promise<void> {
    for (const project of [{ id: 'acme', name: 'Acme' }]) await this.monitor.record('evaluations', project);
  }
}

/** What a queue library calls with each job: the `process` of a BullMQ WorkerHost, say. */
@Injectable()
export class ImportWorker {
  constructor(private readonly monitor: RateMonitorService) {}

  async process(job: { data: { projectId: string; items: string[] } }): Promise<void> {
    const { projectId, items } = job.data;
    await this.monitor.record('collections', projectId, { cost: items.length });
  }
}
