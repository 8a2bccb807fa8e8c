import { RateCounterService } from '../../../src/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { GraphqlApiModule } from './graphql.example.js';

describe('GraphQL', () => {
  let app: TestApp;

  beforeEach(async () => (app = await startApp({ fastify: true, metadata: { imports: [GraphqlApiModule] } })));
  afterEach(() => app.close());

  const ask = async (query: string, headers: Record<string, string> = { 'x-project': 'acme' }): Promise<unknown> =>
    (await app.post('/graphql', headers, { query })).json();
  const counts = (): Promise<number[]> =>
    Promise.all(
      ['llm_call', 'evaluations', 'collections'].map((category) =>
        app.app.get(RateCounterService).read(category, 'acme'),
      ),
    );

  it('counts a query, a mutation and a field resolver', async () => {
    expect(await ask('{ latest { id } }')).toEqual({ data: { latest: { id: '1' } } });
    expect(await counts()).toEqual([1, 0, 0]);
    expect(await ask('mutation { evaluate { id } }')).toEqual({ data: { evaluate: { id: '2' } } });
    expect(await counts()).toEqual([1, 1, 0]);
    expect(await ask('{ latest { summary } }')).toEqual({ data: { latest: { summary: 'good' } } });
    expect(await counts()).toEqual([2, 1, 1]);
  });

  it('counts every resolver that an operation calls, each time it is called', async () => {
    await ask('mutation { first: evaluate { id summary } second: evaluate { summary } }');
    expect(await counts()).toEqual([0, 2, 2]);
  });

  it('names the resolver in its alert', async () => {
    for (let i = 0; i < 5; i++) await ask('mutation { evaluate { id } }');
    expect(app.alerts).toHaveLength(1);
    expect(app.alerts[0]?.route).toEqual({
      method: 'graphql',
      path: 'evaluate',
      handler: 'EvaluationsResolver.evaluate',
    });
  });

  it('responds without a tenant, and logs once what to do', async () => {
    for (let i = 0; i < 2; i++) expect(await ask('{ latest { id } }', {})).toEqual({ data: { latest: { id: '1' } } });
    expect(app.log.of('No tenant on graphql latest')).toHaveLength(1);
    expect(app.log.of('not counted (')).toEqual([]);
  });
});
