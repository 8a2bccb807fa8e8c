import { anAlert } from '../../test/support/alerts.js';
import type { RateAlert } from '../model/rate-alert.js';
import { breachOf } from './raised-by-app.js';

const START = Date.parse('2026-01-01T12:00:00Z');

describe('an alert that the app raises', () => {
  it('is a breach, with a copy of what may change later', () => {
    const alert = anAlert({ windowMs: 86_400_000, windowEnd: new Date(START + 90_000_000), window: 'day' });
    const breach = breachOf(alert);
    alert.level.severity = 'info';
    expect(breach).toEqual({
      category: 'llm_call',
      window: 'day',
      tenant: { id: 'proj_1', name: 'Acme' },
      count: 47,
      threshold: 15,
      level: { at: 1, severity: 'warning' },
      windowStart: START,
      windowEnd: START + 90_000_000,
      countedBy: 'all',
      route: { method: 'POST', path: '/llm/call', handler: 'LlmController.call' },
    });
  });

  it("has copies of its contributors' labels and counts", () => {
    const contributors = [
      { label: 'key_1', count: 40, secret: 'x' },
      { label: '', count: 0 },
    ];
    const breach = breachOf(anAlert({ contributors }));
    contributors.splice(0, 1, { label: 'key_2', count: 1, secret: 'y' });
    expect(breach.contributors).toEqual([
      { label: 'key_1', count: 40 },
      { label: '', count: 0 },
    ]);
    expect(breachOf(anAlert({ contributors: [] })).contributors).toEqual([]);
    expect(breachOf(anAlert())).not.toHaveProperty('contributors');
  });

  it('may end at the last moment that a Date can hold', () => {
    const windowEnd = new Date(8.64e15);
    expect(breachOf(anAlert({ windowEnd })).windowEnd).toBe(8.64e15);
    expect(breachOf(anAlert({ windowMs: 8.64e15 - START })).windowEnd).toBe(8.64e15);
  });

  it.each([
    ['nothing', undefined, 'the alert is undefined'],
    ['a list', [], 'the alert is a list'],
    ['a misspelled field', { windowend: new Date() }, 'windowend is not an option: write windowEnd'],
    ['no category', { category: '' }, 'category is empty, write its name'],
    ['a tenant by its id', { tenant: 'proj_1' }, "tenant is a string, write an object such as { id: 'proj_1' }"],
    ['a tenant without an id', { tenant: { name: 'Acme' } }, 'tenant.id is undefined'],
    ['an empty id', { tenant: { id: '' } }, 'tenant.id is empty, write the id of the tenant'],
    ['a number as an id', { tenant: { id: 1 } }, 'tenant.id is 1, write the id of the tenant'],
    ['a name that is none', { tenant: { id: '1', name: {} } }, 'tenant.name is an object'],
    ['a count that is none', { count: NaN }, 'count is NaN, write a number, 0 or more'],
    ['a count as text', { count: '47' }, 'count is a string'],
    ['a threshold below 0', { threshold: -1 }, 'threshold is -1'],
    ['no level', { level: undefined }, 'level is undefined'],
    ['a level at 0', { level: { at: 0, severity: 'info' } }, 'level.at is 0, write a number above 0'],
    [
      'another severity',
      { level: { at: 1, severity: 'fatal' } },
      'level.severity is a string, write one of info, warning, critical',
    ],
    [
      'a start in milliseconds',
      { windowStart: START },
      `windowStart is ${START}, write the Date when the window began`,
    ],
    ['a start that is no date', { windowStart: new Date('x') }, 'windowStart is an invalid date'],
    ['no length', { windowMs: 0 }, 'windowMs is 0'],
    ['an end before the start', { windowEnd: new Date(START - 1) }, `the end of the window is ${START - 1}`],
    ['an end at the start', { windowEnd: new Date(START) }, `the end of the window is ${START}, write a windowEnd`],
    ['an end that no date can hold', { windowMs: 9e15 }, 'the end of the window is'],
    ['a route as text', { route: 'POST /llm' }, 'route is a string'],
    ['contributors without counts', { contributors: [{ label: 'a' }] }, 'contributors is a list'],
    ['contributors without labels', { contributors: [{ count: 1 }] }, 'contributors is a list'],
    ['a contributor that is none', { contributors: [{ label: 'a', count: 1 }, 'b'] }, 'contributors is a list'],
    ['one contributor', { contributors: { label: 'a', count: 1 } }, 'contributors is an object, write a list of'],
    ['no contributors', { contributors: null }, 'contributors is null'],
    ['another way to count', { countedBy: 'me' }, "countedBy is a string, write 'all' or 'instance'"],
  ])('is refused with %s', (_, wrong, reason) => {
    const alert = Array.isArray(wrong) || wrong === undefined ? wrong : { ...anAlert(), ...wrong };
    expect(() => breachOf(alert as unknown as RateAlert)).toThrow(TypeError);
    expect(() => breachOf(alert as unknown as RateAlert)).toThrow(`No alert was raised: ${reason}`);
  });
});
