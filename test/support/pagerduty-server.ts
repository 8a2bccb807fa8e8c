import { StandIn, type Received, type StandInAnswer } from './stand-in.js';

/** An event for PagerDuty's Events API v2, with the parts that this suite checks. */
interface PagerDutyEvent {
  routing_key: string;
  event_action: 'trigger' | 'acknowledge' | 'resolve';
  dedup_key?: string;
  payload?: { summary: string; source: string; severity: string; custom_details?: Record<string, unknown> };
  links?: { href: string; text: string }[];
}

const MAX_EVENT_BYTES = 512 * 1024;

/** Simulates the Events API v2: required fields, their limits, and open alerts. */
export class PagerDutyServer extends StandIn {
  /** Open alerts by key, with the event that triggered them. */
  readonly open = new Map<string, PagerDutyEvent[]>();
  readonly events: PagerDutyEvent[] = [];
  protected readonly path = '/v2/enqueue/kept-secret';

  protected answer({ body }: Received): StandInAnswer {
    const event = JSON.parse(body) as PagerDutyEvent;
    const errors = [...faultsOf(event), ...(Buffer.byteLength(body) > MAX_EVENT_BYTES ? ['too large'] : [])];
    if (errors.length > 0)
      return { status: 400, body: { status: 'invalid event', message: 'Event object is invalid', errors } };
    this.events.push(event);
    const key = event.dedup_key ?? String(this.events.length);
    if (event.event_action === 'resolve') this.open.delete(key);
    else this.open.set(key, [...(this.open.get(key) ?? []), event]);
    return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key: key } };
  }
}

function faultsOf({
  routing_key: routingKey,
  event_action: action,
  dedup_key: key,
  payload,
  links,
}: PagerDutyEvent): string[] {
  const checks: [boolean, string][] = [
    [/^[A-Za-z0-9]{32}$/.test(routingKey), 'routing_key'],
    [['trigger', 'acknowledge', 'resolve'].includes(action), 'event_action'],
    [key === undefined ? action === 'trigger' : key.length >= 1 && key.length <= 255, 'dedup_key'],
    [!payload || (payload.summary.length >= 1 && payload.summary.length <= 1_024), 'payload.summary'],
    [!payload || payload.source.length >= 1, 'payload.source'],
    [!payload || ['critical', 'error', 'warning', 'info'].includes(payload.severity), 'payload.severity'],
    [action !== 'trigger' || payload !== undefined, 'payload'],
    [(links ?? []).every(({ href }) => URL.canParse(href)), 'links'],
  ];
  return checks.filter(([holds]) => !holds).map(([, name]) => `'${name}' is missing or invalid`);
}
