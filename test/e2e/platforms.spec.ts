import { Controller, Param, Post, UseGuards, VersioningType, type INestApplication } from '@nestjs/common';

import { MonitorRate, RateCounterService } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { AuthGuard } from '../support/controllers.js';

const acme = { 'x-project': 'acme', 'x-name': 'Acme' };

@UseGuards(AuthGuard)
@MonitorRate('evaluations')
@Controller('projects/:id/evaluations')
class ProjectEvaluations {
  @Post()
  create(@Param('id') id: string): string {
    return id;
  }

  @Post(':evaluation/runs')
  run(@Param('evaluation') evaluation: string): string {
    return evaluation;
  }
}

@UseGuards(AuthGuard)
@MonitorRate('evaluations')
@Controller({ path: 'projects/:id/evaluations', version: '2' })
class ProjectEvaluationsV2 extends ProjectEvaluations {}

@MonitorRate('collections')
@Controller('other')
class Other extends ProjectEvaluations {}

@UseGuards(AuthGuard)
@MonitorRate('evaluations')
@Controller()
class TwoPaths {
  @Post(['evaluations', 'evaluations/again'])
  create(): string {
    return 'ok';
  }
}

describe.each([
  ['Express', false],
  ['Fastify', true],
])('routes on %s', (_platform, fastify) => {
  let app: TestApp;

  const start = async (controller: new () => unknown, prepare?: (app: INestApplication) => unknown): Promise<void> => {
    app = await startApp({ fastify, metadata: { controllers: [controller] }, prepare: (it) => void prepare?.(it) });
  };
  /** Calls until there is an alert, with another value in the path each time. */
  const routeAfterCalls = async (path: (id: number) => string, more: Record<string, string> = {}): Promise<unknown> => {
    for (let id = 1; id <= 5; id++) expect((await app.post(path(id), { ...acme, ...more })).status).toBe(201);
    expect(await app.app.get(RateCounterService).read('evaluations', 'acme')).toBe(5);
    expect(app.alerts).toHaveLength(1);
    return app.alerts[0]?.route;
  };

  afterEach(() => app.close());

  it("are named by their pattern, never by a caller's values", async () => {
    await start(ProjectEvaluations);
    expect(await routeAfterCalls((id) => `/projects/${id}/evaluations`)).toEqual({
      method: 'POST',
      path: '/projects/:id/evaluations',
      handler: 'ProjectEvaluations.create',
    });
  });

  it('are named with all their parameters, and without the query', async () => {
    await start(ProjectEvaluations);
    expect(await routeAfterCalls((id) => `/projects/${id}/evaluations/7/runs?token=secret`)).toMatchObject({
      path: '/projects/:id/evaluations/:evaluation/runs',
    });
  });

  it('are the ones that brought the count near the threshold, if a handler has several', async () => {
    await start(TwoPaths);
    const paths = ['/evaluations', '/evaluations', '/evaluations', '/evaluations/again', '/evaluations/again'];
    expect(await routeAfterCalls((id) => paths[id - 1] as string)).toMatchObject({ path: '/evaluations/again' });
  });

  it('are counted for each class that has the handler', async () => {
    app = await startApp({ fastify, metadata: { controllers: [ProjectEvaluations, Other] } });
    for (const path of ['/projects/1/evaluations', '/other', '/other', '/projects/1/evaluations'])
      expect((await app.post(path, acme)).status).toBe(201);
    const counts = app.app.get(RateCounterService);
    expect([await counts.read('evaluations', 'acme'), await counts.read('collections', 'acme')]).toEqual([2, 2]);
  });

  it('are named with the global prefix', async () => {
    await start(ProjectEvaluations, (it) => it.setGlobalPrefix('api'));
    expect(await routeAfterCalls((id) => `/api/projects/${id}/evaluations`)).toMatchObject({
      path: '/api/projects/:id/evaluations',
    });
  });

  it('are named with the version in the URI', async () => {
    await start(ProjectEvaluationsV2, (it) => it.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI }));
    expect(await routeAfterCalls((id) => `/api/v2/projects/${id}/evaluations`)).toEqual({
      method: 'POST',
      path: '/api/v2/projects/:id/evaluations',
      handler: 'ProjectEvaluationsV2.create',
    });
  });

  it('are counted with the version in a header', async () => {
    const versioning = { type: VersioningType.HEADER, header: 'x-version' } as const;
    await start(ProjectEvaluationsV2, (it) => it.enableVersioning(versioning));
    expect(await routeAfterCalls((id) => `/projects/${id}/evaluations`, { 'x-version': '2' })).toMatchObject({
      path: '/projects/:id/evaluations',
    });
  });
});
