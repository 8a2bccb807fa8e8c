import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { AlertService } from 'nestjs-rate-monitor';

@Injectable()
export class MorningDigest {
  constructor(private readonly alerts: AlertService) {}

  @Cron('0 8 * * *')
  async send(): Promise<void> {
    await this.alerts.sendDigest({ from: Date.now() - 24 * 3_600_000 });
  }
}
