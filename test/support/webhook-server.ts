import { StandIn, type StandInAnswer } from './stand-in.js';

/** A webhook receiver that accepts everything. `requests` has raw bodies and headers. */
export class WebhookServer extends StandIn {
  protected readonly path = '/hooks/webhook-token-kept-secret';

  protected answer(): StandInAnswer {
    return { status: 204 };
  }
}
