import type {
  Advice,
  CategoryAnswer,
  CategorySummary,
  ErrorAnswer,
  MuteAnswer,
  MuteRequest,
  Overview,
  PageAlert,
  PageDelivery,
  PageIncident,
  PageMute,
  PageTenant,
  TenantAnswer,
  TenantRow,
  TenantsAnswer,
  TestAnswer,
  ThresholdAnswer,
  ThresholdRequest,
  ThresholdsAnswer,
  UnmuteAnswer,
  UnmuteRequest,
} from './api.js';

const MINUTE = 60_000;
const NOW = 1_790_000_040_000;
const acme: PageTenant = { id: 'proj_1', name: 'Acme chatbot' };
const told: PageDelivery[] = [
  { channel: 'log', status: 'sent', attempts: 1 },
  { channel: 'discord', status: 'waiting', attempts: 2, retryAt: NOW + 12_000, reason: 'Discord answered 503' },
];
const muteExample: PageMute = {
  category: 'llm_call',
  tenant: { id: 'proj_88' },
  until: NOW + 60 * MINUTE,
  reason: 'load test',
  by: 'dana',
  heldBack: 6,
};
const rowExample: TenantRow = {
  category: 'llm_call',
  window: '',
  windowMs: MINUTE,
  windowStart: NOW - (NOW % MINUTE),
  windowEnd: NOW - (NOW % MINUTE) + MINUTE,
  tenant: acme,
  count: 312,
  threshold: 15,
  levels: [
    { at: 1, severity: 'warning', count: 15 },
    { at: 5, severity: 'critical', count: 75 },
  ],
  ratio: 20.8,
  severity: 'critical',
  share: 0.71,
  since: NOW - 18 * MINUTE,
  hour: { start: NOW - (NOW % MINUTE) - 2 * MINUTE, stepMs: MINUTE, counts: [290, 301, 312] },
  hourThreshold: 15,
  contributors: [
    { label: 'sk-****wxyz', count: 222 },
    { label: 'other', count: 90 },
  ],
  told,
};
const categoryExample: CategorySummary = {
  name: 'llm_call',
  windows: [
    {
      name: '',
      windowMs: MINUTE,
      threshold: 15,
      levels: [
        { at: 1, severity: 'warning' },
        { at: 5, severity: 'critical' },
      ],
    },
  ],
  total: 439,
  tenants: 1_204,
  variable: 'RATE_MONITOR_THRESHOLD_LLM_CALL',
};
const incidentExample: PageIncident = {
  id: 'k3Jx0aQ2',
  category: 'llm_call',
  window: '',
  tenant: acme,
  severity: 'critical',
  startedAt: NOW - 18 * MINUTE,
  lastedMs: 18 * MINUTE,
  peak: { count: 312, at: NOW - (NOW % MINUTE) },
  total: 4_120,
  threshold: 15,
  told,
};
const alertExample: PageAlert = {
  id: 'pV9c',
  at: NOW - 18 * MINUTE,
  category: 'llm_call',
  window: '',
  tenant: acme,
  count: 76,
  threshold: 15,
  severity: 'critical',
  levelAt: 5,
  status: 'escalated',
  route: 'POST /projects/:id/llm',
  contributors: [
    { label: 'sk-****wxyz', count: 60 },
    { label: 'other', count: 16 },
  ],
  told,
};
const adviceExample: Advice = {
  category: 'llm_call',
  window: '',
  windowMs: MINUTE,
  from: NOW - 1_440 * MINUTE,
  to: NOW,
  threshold: 15,
  percentiles: { p50: 2, p95: 9, p99: 17, max: 312 },
  samples: 18_220,
  curve: [
    { threshold: 1, alerts: 9_310, tenants: 801 },
    { threshold: 15, alerts: 9, tenants: 3 },
    { threshold: 20, alerts: 4, tenants: 2 },
    { threshold: 312, alerts: 0, tenants: 0 },
  ],
  candidates: [
    { threshold: 15, alerts: 9, tenants: 3, whom: [{ tenant: acme, alerts: 5 }] },
    { threshold: 20, alerts: 4, tenants: 2, whom: [{ tenant: acme, alerts: 3 }] },
  ],
  suggestion: {
    threshold: 20,
    reason: 'At 20 there are 4 alerts in 24 h for 2 tenants; 99 of 100 busy minutes stay at 17 or below.',
  },
  alwaysOver: [],
};

/** One example of each response and request, for OpenAPI and for tests of the page. */
export const EXAMPLES: {
  overview: Overview;
  tenants: TenantsAnswer;
  tenant: TenantAnswer;
  category: CategoryAnswer;
  thresholds: ThresholdsAnswer;
  advice: Advice;
  muteRequest: MuteRequest;
  mute: MuteAnswer;
  unmuteRequest: UnmuteRequest;
  unmute: UnmuteAnswer;
  test: TestAnswer;
  thresholdRequest: ThresholdRequest;
  threshold: ThresholdAnswer;
  error: ErrorAnswer;
} = {
  overview: {
    now: NOW,
    service: 'checkout-api',
    environment: 'production',
    version: '1.0.0',
    who: 'dana',
    state: 'over',
    over: 3,
    store: { name: 'Redis 127.0.0.1:6379', up: true },
    instances: [
      {
        id: 'Yk2m8a',
        service: 'checkout-api',
        environment: 'production',
        version: '1.0.0',
        host: 'api-7d9f-1',
        pid: 7,
        startedAt: NOW - 7_200_000,
        lastSeen: NOW - 800,
        perSecond: 61,
        uncounted: 0,
        self: true,
      },
    ],
    uncounted: 0,
    channels: [
      { name: 'log', on: true, queued: 0 },
      {
        name: 'discord',
        on: false,
        reason: 'Discord answered 404',
        offSince: NOW - 600_000,
        retryAt: NOW + 120_000,
        queued: 3,
      },
    ],
    categories: [categoryExample],
    rows: [rowExample],
    moreRows: 0,
    incidents: [incidentExample],
    alerts: [alertExample],
    mutes: [muteExample],
    storage: { bytes: 3_250_000, tenants: 1_204, retentionMs: 86_400_000, hourlyRetentionMs: 2_592_000_000 },
    handlers: [{ handler: 'LlmController.call', categories: ['llm_call'], seen: true }],
    canSetThreshold: true,
  },
  tenants: { now: NOW, rows: [rowExample], more: 0 },
  tenant: {
    now: NOW,
    rows: [rowExample],
    day: { start: NOW - (NOW % MINUTE) - 2 * MINUTE, stepMs: MINUTE, counts: [290, 301, 312] },
    hourlyPeaks: [{ at: NOW - 3_600_000, count: 44 }],
    incidents: [incidentExample],
    alerts: [alertExample],
    override: { threshold: 20, until: NOW + 3_600_000, by: 'dana', reason: 'trial', since: NOW - 60_000 },
  },
  category: {
    now: NOW,
    category: categoryExample,
    totals: { start: NOW - (NOW % MINUTE) - 2 * MINUTE, stepMs: MINUTE, counts: [401, 420, 439] },
    alerts: [{ at: NOW - 18 * MINUTE, tenant: acme, severity: 'critical' }],
    tenants: [{ tenant: acme, peak: 312, total: 4_120, threshold: 15 }],
    active: 1_204,
    advice: adviceExample,
  },
  thresholds: {
    now: NOW,
    thresholds: [
      { category: 'llm_call', window: '', tenant: 'proj_1', threshold: 20, by: 'dana', reason: 'trial', since: NOW },
    ],
    changes: [
      { at: NOW, category: 'llm_call', window: '', tenant: 'proj_1', by: 'dana', reason: 'trial', from: 30, to: 20 },
    ],
  },
  advice: adviceExample,
  muteRequest: { category: 'llm_call', tenant: 'proj_88', forMs: 3_600_000, reason: 'load test' },
  mute: { mute: muteExample },
  unmuteRequest: { category: 'llm_call', tenant: 'proj_88' },
  unmute: { unmuted: true },
  test: {
    channels: [
      { name: 'log', status: 'sent' },
      { name: 'discord', status: 'failed', reason: 'Discord answered 404' },
    ],
  },
  thresholdRequest: { category: 'llm_call', threshold: 20, reason: 'advice of 25 November' },
  threshold: { category: 'llm_call', threshold: 20 },
  error: { error: 'unknown category' },
};
