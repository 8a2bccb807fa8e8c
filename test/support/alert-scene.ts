import type { Logger } from '@nestjs/common';

import { AlertEngine, type AlertSettings } from '../../src/alert/alert-engine.js';
import type { AlertChannel } from '../../src/model/alert-channel.js';
import type { Breach } from '../../src/model/breach.js';
import type { RateAlert } from '../../src/model/rate-alert.js';
import type { CountRead } from '../../src/model/window.js';
import { MemorySharedState } from '../../src/store/memory/memory-shared-state.js';
import type { SharedState } from '../../src/store/shared-state.js';
import { aBreachNow } from './a-breach.js';
import { alertSettings } from './alert-settings.js';
import { pass, useFakeTimers, useRealTimers } from './fake-timers.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** The middle of a minute, at which each test begins. */
export const START = Date.parse('2026-01-01T12:00:30Z');
/** Incidents that end after two calm minutes. */
export const story = { incidents: { remindAfterMs: 24 * 60 * MINUTE, resolveAfterMs: 2 * MINUTE } };

/** Takes alerts one by one. */
export class Hearing implements AlertChannel {
  readonly alerts: RateAlert[] = [];
  answer: () => unknown = () => undefined;

  constructor(
    readonly name = 'hearing',
    readonly addressHash?: string,
  ) {}

  send(alert: RateAlert): void {
    this.alerts.push(alert);
    return this.answer() as void;
  }

  get heard(): string[] {
    return this.alerts.map(({ tenant, incident, count }) =>
      [tenant.id, incident?.status, count].filter(Boolean).join(' '),
    );
  }
}

/** Takes alerts in groups. */
export class HearingGroups extends Hearing {
  readonly groups: string[] = [];

  sendBatch(alerts: readonly RateAlert[]): void {
    this.groups.push(alerts.map(({ tenant }) => tenant.id).join());
    for (const alert of alerts) this.alerts.push(alert);
    return this.answer() as void;
  }
}

/** A breach of the window that is running now. */
export const aBreach = (tenant = 'a', more: Partial<Breach> = {}, windowMs = MINUTE): Breach =>
  aBreachNow(windowMs, { category: 'llm', tenant: { id: tenant }, ...more });

/** The replicas of each test, on fake time and one state in memory. They are stopped after it. */
export function alertScene() {
  /** What the replicas have logged. */
  const lines: string[] = [];
  const replicas: AlertEngine[] = [];
  /** The present counts of all windows, by tenant. */
  const counts = new Map<string, number>();
  /** The counts that were asked for. */
  const reads: (readonly CountRead[])[] = [];
  const scene = { state: new MemorySharedState(), lines, replicas, counts, reads };
  const replica = async (
    channels: readonly AlertChannel[],
    more: Partial<AlertSettings> = {},
    on: SharedState = scene.state,
  ): Promise<AlertEngine> => {
    const note = (line: string) => lines.push(line);
    const logger = { log: note, warn: note, error: note } as unknown as Logger;
    const engine = new AlertEngine(
      alertSettings(channels, on, {
        groupWaitMs: SECOND,
        maxOpenIncidents: 100,
        counts: (asked) => {
          reads.push(asked);
          return Promise.resolve(asked.map(({ tenantId }) => counts.get(tenantId) ?? 0));
        },
        ...more,
      }),
      logger,
    );
    replicas.push(engine);
    await engine.start();
    return engine;
  };
  beforeEach(async () => {
    useFakeTimers();
    // No process starts this soon.
    await pass(SECOND);
    jest.setSystemTime(START);
    scene.state = new MemorySharedState();
    counts.clear();
    for (const list of [lines, replicas, reads]) list.length = 0;
  });
  afterEach(async () => {
    const stopped = Promise.all(replicas.map((engine) => engine.stop()));
    await pass(10 * SECOND);
    await stopped;
    useRealTimers();
  });
  return Object.assign(scene, { replica });
}
