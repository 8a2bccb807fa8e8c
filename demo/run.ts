import { showIncident } from './incident.js';
import { showRunaway } from './runaway.js';
import { leaveSettingsAside } from './settings.js';

/** What the monitor does, shown and checked. */
async function main(): Promise<boolean> {
  leaveSettingsAside();
  const asPromised = [await showRunaway(), await showIncident()].every(Boolean);
  if (!asPromised) console.log('This is not what should have happened.');
  return asPromised;
}

void main().then((asPromised) => process.exit(asPromised ? 0 : 1));
