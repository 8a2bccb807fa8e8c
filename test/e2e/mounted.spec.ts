import { ExpressAdapter } from '@nestjs/platform-express';

import { mountPathOf } from '../../src/monitor/route-of-request.js';

interface ExpressApp {
  (...args: unknown[]): void;
  use(...args: unknown[]): void;
  get(path: string, handler: (request: object, response: { json(body: unknown): void }) => void): void;
  listen(port: number, host: string, listening: () => void): { address(): { port: number }; close(): void };
}

const app = (): ExpressApp => new ExpressAdapter().getInstance<ExpressApp>();

/** The shown path of an app mounted at such a path, for a request such as `/t/secret/x`. */
async function mountPath(mount: (parent: ExpressApp, child: ExpressApp) => void, requested: string): Promise<unknown> {
  const [parent, child] = [app(), app()];
  child.get('/x', (request, response) => response.json([mountPathOf(request)]));
  mount(parent, child);
  const server = await new Promise<ReturnType<ExpressApp['listen']>>((resolve) => {
    const listening = parent.listen(0, '127.0.0.1', () => resolve(listening));
  });
  try {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}${requested}`);
    return ((await answer.json()) as unknown[])[0];
  } finally {
    server.close();
  }
}

describe('an Express app that is mounted in another', () => {
  it.each<[string, (parent: ExpressApp, child: ExpressApp) => void, string, string]>([
    ['under a parameter', (parent, child) => parent.use('/t/:token', child), '/t/secret/x', '/t/:token'],
    ['under a name', (parent, child) => parent.use('/api', child), '/API/x', '/api'],
    ['at the root', (parent, child) => parent.use(child), '/x', ''],
    ['under one of several', (parent, child) => parent.use(['/a', '/b/:token'], child), '/b/secret/x', '/b/:token'],
    [
      'twice',
      (parent, child) => {
        const between = app();
        between.use('/u/:user', child);
        parent.use('/t/:token', between);
      },
      '/t/secret/u/me/x',
      '/t/:token/u/:user',
    ],
    ['under an expression', (parent, child) => parent.use(/^\/t\/[^/]+/, child), '/t/secret/x', '/*'],
    [
      'behind a function that hands requests on',
      (parent, child) => parent.use('/t/:token', (...args: unknown[]) => child(...args)),
      '/t/secret/x',
      '/*',
    ],
  ])('%s shows the pattern and no value', async (_, mount, requested, path) => {
    expect(await mountPath(mount, requested)).toBe(path);
  });
});
