/** Keeps the demo independent of variables set on this machine: it sends nothing to your channels unless asked to. */
export function leaveSettingsAside(): void {
  const set = Object.keys(process.env).filter((name) => name.startsWith('RATE_MONITOR_'));
  for (const name of set) Reflect.deleteProperty(process.env, name);
  if (set.length > 0) console.log(`Ignored in the demo: ${set.join(', ')}`);
}
