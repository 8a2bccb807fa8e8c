import { argumentsOf } from './arguments.js';
import { showIncident } from './incident.js';
import { showKill } from './kill.js';
import { showPage } from './page.js';
import { showRunaway } from './runaway.js';
import { leaveSettingsAside } from './settings.js';
import { sendTestAlert } from './test-alert.js';

/** What the monitor does, shown and checked; or its page; or, with a webhook given, whether alerts arrive there. */
async function main(): Promise<boolean> {
  const { discord, page } = argumentsOf(process.argv.slice(2));
  leaveSettingsAside();
  if (discord !== undefined) return sendTestAlert(discord);
  if (page) return showPage();
  const asPromised = [await showRunaway(), await showIncident(), await showKill()].every(Boolean);
  if (!asPromised) console.log('The demo did not do what it should.');
  return asPromised;
}

void main().then((asPromised) => process.exit(asPromised ? 0 : 1));
