import fc from 'fast-check';

import type { AlertIncident, RateAlert } from '../../src/index.js';

const ATTACKS = [
  ...['@everyone', '@here', '<@1>', '<@!1>', '<#1>', '<@&1>', '<t:1:R>', '<:e:1>', '<a:e:1>', '<id:guide>', '</x:1>'],
  ...['[a](http://b.example)', 'https://b.example', 'discord.gg/x', '<https://b.example>', '<!channel>', '<@U1|x>'],
  ...['**b**', '__u__', '_i_', '~~s~~', '||s||', '`c`', '```\nc', '> q', '>>> q', '# h', '-# s', '- l', '1. l', '\\'],
  ...[
    '\n',
    '\r\n',
    '\u2028',
    '\u202E',
    '\u2066',
    '\u200B',
    '\u0000',
    '\u001b[31m',
    '\ud800',
    '\udc00',
    '\u3164',
    '\u2800',
    '\uFE0F',
    '\u034F',
  ],
  ...['&', '&lt;!channel&gt;', '"', '}', '😀', 'e\u0301'],
];

/** Text that an attacker would choose. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(fc.constantFrom(...ATTACKS), { minLength: 1, maxLength: 12 }).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom(...ATTACKS), fc.constantFrom(1, 200, 10_000)).map(([part, times]) => part.repeat(times)),
);

const id = hostileText.filter((text) => text !== '');
const count = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e300, noNaN: true }));
const at = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true });
const severity = fc.constantFrom('info' as const, 'warning' as const, 'critical' as const);

const incident: fc.Arbitrary<AlertIncident> = fc.record({
  id,
  status: fc.constantFrom('opened', 'escalated', 'reminded', 'resolved'),
  startedAt: at,
  lastedMs: fc.nat(1e9),
  peak: fc.record({ count, windowStart: at }),
  total: count,
});

/** An alert in which everything that users control is hostile. */
export const hostileAlert: fc.Arbitrary<RateAlert> = fc.record(
  {
    category: fc.oneof(fc.constantFrom('llm_call', 'a__b__c', '_a_'), id),
    tenant: fc.record(
      { id, name: hostileText, attributes: fc.dictionary(hostileText, hostileText, { maxKeys: 40 }) },
      { requiredKeys: ['id'] },
    ),
    count,
    threshold: count,
    level: fc.record({ at: fc.constantFrom(0.8, 1, 5), severity }),
    windowStart: at,
    windowMs: fc.integer({ min: 1_000, max: 86_400_000 }),
    route: fc.record({ method: id, path: id, handler: id }),
    countedBy: fc.constantFrom('all', 'instance'),
    incident,
    id,
    service: hostileText,
    environment: hostileText,
    window: hostileText,
    windowEnd: at,
    timeZone: fc.oneof(hostileText, fc.constant('Asia/Kolkata')),
    countAtCrossing: count,
    streak: fc.record({ windows: fc.nat(1e9), since: at }),
    contributors: fc.array(fc.record({ label: hostileText, count }), { maxLength: 8 }),
    link: fc.oneof(hostileText, fc.webUrl()),
  },
  {
    noNullPrototype: true,
    requiredKeys: ['category', 'tenant', 'count', 'threshold', 'level', 'windowStart', 'windowMs', 'countedBy'],
  },
);

export const long = '*'.repeat(10_000);

/** An alert with every field at its maximum length, and every character in need of escaping. */
export const longest: RateAlert = {
  category: long,
  tenant: {
    id: `${long}.`,
    name: long,
    attributes: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}${long}`, long])),
  },
  count: 999_999_999_999.125,
  threshold: 0.001,
  level: { at: 5, severity: 'critical' },
  windowStart: new Date(4e12),
  windowMs: 86_399_999,
  route: { method: long, path: long, handler: long },
  countedBy: 'instance',
  service: long,
  environment: long,
  window: long,
  windowEnd: new Date(4e12),
  timeZone: 'America/Argentina/ComodRivadavia',
  countAtCrossing: 1.23456789e299,
  streak: { windows: 999_999_999, since: new Date(4e12) },
  contributors: Array.from({ length: 9 }, () => ({ label: long, count: 1.23456789e299 })),
  incident: {
    id: long,
    status: 'escalated',
    startedAt: new Date(4e12),
    lastedMs: 999_999_999_999,
    peak: { count: 1.23456789e299, windowStart: new Date(4e12) },
    total: 1.23456789e299,
    windowsOver: 999_999_998,
    windows: 999_999_999,
  },
};

export const longestResolved: RateAlert = {
  ...longest,
  threshold: 1.23456789e300,
  incident: { ...(longest.incident as AlertIncident), status: 'resolved' },
};
