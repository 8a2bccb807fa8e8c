import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';

import { Deferred } from './deferred.js';

it('Deferred runs waiting work in order once it is set, and later work at once', () => {
  const late = new Deferred<string>();
  const seen: string[] = [];
  late.whenSet((value) => seen.push(`${value} 1`));
  late.whenSet((value) => seen.push(`${value} 2`));
  expect(seen).toEqual([]);
  late.set('a');
  late.whenSet((value) => seen.push(`${value} 3`));
  expect(seen).toEqual(['a 1', 'a 2', 'a 3']);
  late.set('b');
  expect([late.value, seen.length]).toEqual(['b', 3]);
});

it('Deferred runs waiting work in the AsyncLocalStorage of its caller', () => {
  const late = new Deferred<string>();
  const tenant = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  for (const id of ['acme', 'umbrella']) tenant.run(id, () => late.whenSet(() => seen.push(tenant.getStore())));
  tenant.run('boot', () => late.set('a'));
  expect(seen).toEqual(['acme', 'umbrella']);
});

it('Deferred keeps a limited amount of work, and counts what it drops', () => {
  const late = new Deferred<string>();
  const seen: number[] = [];
  for (let i = 0; i < 10_002; i++) late.whenSet(() => seen.push(i));
  late.set('a');
  expect([seen.length, seen.at(-1), late.dropped]).toEqual([10_000, 9_999, 2]);
});

it('Deferred drops all work if there will be no value', () => {
  const late = new Deferred<string>();
  const seen: string[] = [];
  late.whenSet((value) => seen.push(value));
  late.never();
  late.whenSet((value) => seen.push(value));
  expect([late.value, late.dropped, seen]).toEqual([undefined, 0, []]);
  late.set('a');
  expect(seen).toEqual([]);
});

it('Deferred shows nothing of its value when it is printed', () => {
  const late = new Deferred<{ password: string }>();
  late.set({ password: 'hunter2' });
  expect(inspect({ late }, { depth: null, showHidden: true })).not.toContain('hunter2');
});
