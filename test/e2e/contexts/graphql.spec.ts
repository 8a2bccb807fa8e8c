import { Field, GraphQLModule, Int, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';

import { MonitorRate, RateCounterService } from '../../../src/index.js';
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

@ObjectType()
class Item {
  @Field(() => Int)
  id!: number;
}

/** Sizes of what was loaded together, as a dataloader does it: all that is asked for within one turn. */
const loads: number[] = [];
let loading: Promise<void> | undefined;

function load(): Promise<void> {
  if (loading) loads.push((loads.pop() as number) + 1);
  else loads.push(1);
  return (loading ??= new Promise((resolve) =>
    setImmediate(() => {
      loading = undefined;
      resolve();
    }),
  ));
}

@Resolver(() => Item)
class ItemsResolver {
  @Query(() => [Item])
  items(): Item[] {
    return Array.from({ length: 10 }, (_, id) => ({ id }));
  }

  @ResolveField(() => String)
  @MonitorRate('llm_call')
  async name(@Parent() { id }: Item): Promise<string> {
    await load();
    return `item ${id}`;
  }
}

type Enhancer = 'guards' | 'interceptors';

@Resolver(() => Item)
class TokensResolver {
  @Query(() => [Item])
  items(): Item[] {
    return [{ id: 1 }, { id: 2 }];
  }

  @ResolveField(() => Int)
  @MonitorRate('llm_tokens', { after: (tokens) => tokens as number })
  tokens(): number {
    return 7;
  }
}

it.each<[Enhancer[]]>([[['guards', 'interceptors']], [['interceptors']]])(
  "counts what a field's resolver returned, with fieldResolverEnhancers %j",
  async (fieldResolverEnhancers) => {
    const driver = GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
      fieldResolverEnhancers,
    });
    const app = await startApp({
      fastify: true,
      metadata: { imports: [driver], providers: [TokensResolver] },
      options: { tenant: () => 'acme', categories: { llm_tokens: { threshold: 1_000, windowMs: 86_400_000 } } },
    });
    await app.post('/graphql', {}, { query: '{ items { tokens } }' });
    expect(await app.app.get(RateCounterService).read('llm_tokens', 'acme')).toBe(14);
    await app.close();
  },
);

@Resolver('Query')
class QueryFields {
  @ResolveField()
  @MonitorRate('llm_tokens', { cost: 2 })
  @MonitorRate('llm_tokens', { after: (tokens) => tokens as number })
  tokens(): number {
    return 7;
  }
}

// Nest takes each of its methods for a field.
@MonitorRate('llm_tokens', { cost: 100 })
@MonitorRate('llm_tokens', { when: 'success', cost: 1_000 })
@Resolver('Mutation')
class MutationFields {
  spend(): number {
    return 1;
  }
}

it('counts fields of Query and Mutation without fieldResolverEnhancers', async () => {
  const driver = GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    typeDefs: 'type Query { tokens: Int } type Mutation { spend: Int }',
  });
  const app = await startApp({
    fastify: true,
    metadata: { imports: [driver], providers: [QueryFields, MutationFields] },
    options: { tenant: () => 'acme', categories: { llm_tokens: { threshold: 10_000, windowMs: 86_400_000 } } },
  });
  const { data } = (await (await app.post('/graphql', {}, { query: '{ tokens }' })).json()) as { data: unknown };
  expect(data).toEqual({ tokens: 7 });
  await app.post('/graphql', {}, { query: 'mutation { spend }' });
  expect(await app.app.get(RateCounterService).read('llm_tokens', 'acme')).toBe(2 + 7 + 100 + 1_000);
  await app.close();
});

it("loads together the fields of an operation that are their tenant's first requests", async () => {
  const driver = GraphQLModule.forRoot<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    autoSchemaFile: true,
    fieldResolverEnhancers: ['guards'],
  });
  const app = await startApp({
    fastify: true,
    metadata: { imports: [driver], providers: [ItemsResolver] },
    options: { tenant: () => 'acme', categories: { llm_call: { threshold: 100, windowMs: 86_400_000 } } },
  });
  for (let i = 0; i < 2; i++) await app.post('/graphql', {}, { query: '{ items { name } }' });
  expect(loads).toEqual([10, 10]);
  await app.close();
});
