import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host';

import type { Category } from '../model/category.js';
import { GuestFunction } from '../util/guest-function.js';
import { WarnOnce } from '../util/warn-once.js';
import { CategoryOfHandler, Fault, type Asked } from './category-of-handler.js';

const context = new ExecutionContextHost([{ method: 'POST' }]) as ExecutionContext;
const answering = (answer: unknown, isPrompt = true) =>
  Object.defineProperty(new GuestFunction<unknown, unknown>(() => answer, 50), 'isPrompt', { value: isPrompt });

describe('a category of a handler', () => {
  let lines: string[];
  beforeEach(() => (lines = []));

  const category = { name: 'calls', tenant: () => undefined } as unknown as Category;
  const asking = (asked: Partial<Asked> = {}): CategoryOfHandler => {
    const once = new WarnOnce({ warn: (line: string) => lines.push(line) });
    const routeOf = () => ({ method: 'POST', path: '/llm', handler: 'Api.call' });
    const handler = { name: 'Api.call', routeOf, isSeen: false, skipFault: new Fault(once, 'skipIf') };
    const all = { tenant: answering('acme'), cost: 1, after: undefined, ...asked };
    return new CategoryOfHandler(handler, category, undefined, all, once);
  };

  it.each<[boolean, Partial<Asked>]>([
    [true, {}],
    [true, { cost: answering(2) }],
    [false, { tenant: answering('acme', false) }],
    [false, { cost: answering(2, false) }],
    [true, { after: answering(2, false) }],
  ])('has a request wait (%p) if what is asked before its handler answers soon: %#', (isPrompt, asked) => {
    expect(asking(asked).isPrompt).toBe(isPrompt);
  });

  it('has a tenant and a cost at once if the functions answer so, else a promise of them', async () => {
    expect([asking().tenantOf(context), asking().costOf(context, undefined)]).toEqual([{ id: 'acme' }, 1]);
    const later = asking({ tenant: answering(Promise.resolve('acme')), cost: answering(Promise.resolve(2)) });
    await expect(later.tenantOf(context)).resolves.toEqual({ id: 'acme' });
    await expect(later.costOf(context, undefined)).resolves.toBe(2);
    expect(lines).toEqual([]);
  });

  it('has no tenant if the resolver gives none, and says on which route', () => {
    expect(asking({ tenant: answering('') }).tenantOf(context)).toBeUndefined();
    expect(lines).toEqual([
      expect.stringMatching(/^No tenant on POST \/llm \(Api\.call\): its requests are not counted in calls\. /),
    ]);
  });
});
