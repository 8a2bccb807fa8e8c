import { Logger } from '@nestjs/common';

import { anAlert, anIncident } from '../../test/support/alerts.js';
import { LogChannel } from './log.channel.js';

it.each([
  ['warn', anAlert()],
  ['error', anAlert({ level: { at: 5, severity: 'critical' } })],
  ['log', anAlert({ level: { at: 0.8, severity: 'info' } })],
  ['log', anIncident('resolved')],
] as const)('the log channel writes with %s', (method, alert) => {
  const written = jest.spyOn(Logger.prototype, method).mockImplementation();
  new LogChannel().send(alert);
  expect(written).toHaveBeenCalledTimes(1);
  written.mockRestore();
});

it('the log channel writes where it happened and where to look', () => {
  const written = jest.spyOn(Logger.prototype, 'warn').mockImplementation();
  const place = { service: 'api', environment: 'production' };
  new LogChannel().send(anAlert({ ...place, link: 'https://a.example/x' }));
  new LogChannel().send(anAlert({ ...place, link: 'javascript:alert(1)' }));
  expect(written.mock.calls.map(([line]) => String(line).split(' | ').slice(-2))).toEqual([
    ['api, production', 'https://a.example/x'],
    ['1 min from 2026-01-01T12:00:00.000Z', 'api, production'],
  ]);
  written.mockRestore();
});
