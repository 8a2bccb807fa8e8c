import { MAX_LISTED } from '../alert/incident/incident-records.js';
import { MAX_LIVE } from '../store/usage-store.js';
import { MAX_INCIDENTS, MAX_TOP } from './api.js';

it('the API, and so the page, says `200+` and `500+` from the numbers on that are kept', () => {
  expect([MAX_TOP, MAX_INCIDENTS]).toEqual([MAX_LIVE, MAX_LISTED]);
});
