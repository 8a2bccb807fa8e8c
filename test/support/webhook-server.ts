import { StandIn, type StandInAnswer } from './stand-in.js';

/** Plays a receiver of webhooks: takes everything. What came is in `requests`, with raw bodies and headers. */
export class WebhookServer extends StandIn {
  protected readonly path = '/hooks/webhook-token-kept-secret';

  protected answer(): StandInAnswer {
    return { status: 204 };
  }
}
