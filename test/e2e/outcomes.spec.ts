import { AsyncLocalStorage } from 'node:async_hooks';
import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { PassThrough, Readable } from 'node:stream';

import {
  Body,
  ConflictException,
  Controller,
  Get,
  Injectable,
  ParseIntPipe,
  Post,
  Query,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type INestApplicationContext,
  type NestInterceptor,
} from '@nestjs/common';
import { GraphQLModule, Int, Query as GraphqlQuery, Resolver } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { ClientProxyFactory, MessagePattern, RpcException, Transport } from '@nestjs/microservices';
import {
  concat,
  delay,
  EMPTY,
  lastValueFrom,
  map,
  NEVER,
  of,
  retry,
  tap,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';

import { MonitorRate, RateCounterService, SkipMonitorRate } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { AuthGuard } from '../support/controllers.js';
import { until } from '../support/until.js';

interface Answer {
  usage: { total_tokens: number };
}

const tokens = (result: unknown): number => (result as Answer).usage.total_tokens;

/** Wraps what handlers answer, as apps do. */
@Injectable()
class Enveloped implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

/** Sends what a generator gives, line by line, as apps do with the stream of a model. */
@Injectable()
class Sent implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const lines = (given: AsyncIterable<Answer>): Readable =>
      Readable.from(given).map((answer: Answer) => `${JSON.stringify(answer)}\n`);
    return next.handle().pipe(map((given: AsyncIterable<Answer>) => new StreamableFile(lines(given))));
  }
}

/** Calls a handler again if it fails, as apps do with calls of a model. */
@Injectable()
class Repeated implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(2));
  }
}

const thrown = new ConflictException({ code: 'already there' });
let open: ServerResponse | undefined;
let source: PassThrough | undefined;
let calls: number;
/** The request's tenant, as nestjs-cls keeps it. */
const storage = new AsyncLocalStorage<unknown>();

@UseGuards(AuthGuard)
@Controller()
class OutcomeController {
  @Post('tokens')
  @MonitorRate('tokens', { after: tokens })
  @UseInterceptors(Enveloped)
  complete(@Body() answer: Answer): Answer {
    return answer;
  }

  @Post('enveloped')
  @UseInterceptors(Enveloped)
  @MonitorRate('tokens', { after: async (result) => Promise.resolve(tokens(result)) })
  enveloped(@Body() answer: Answer): Promise<Answer> {
    return Promise.resolve(answer);
  }

  @Post('both')
  @MonitorRate('calls')
  @MonitorRate('failures', { when: 'failure' })
  @MonitorRate('tokens', { when: 'success', cost: 5 })
  both(@Query('fail') fail?: string): string {
    if (fail) throw thrown;
    return 'ok';
  }

  @Post('repeated')
  @UseInterceptors(Repeated)
  @MonitorRate('calls')
  @MonitorRate('failures', { when: 'failure' })
  @MonitorRate('tokens', { after: tokens })
  repeated(): Answer {
    if (calls++ < 2) throw thrown;
    return { usage: { total_tokens: 10 } };
  }

  @Post('piped')
  @MonitorRate('failures', { when: 'failure' })
  piped(@Query('n', ParseIntPipe) n: number): number {
    return n;
  }

  @Post('rejects')
  @MonitorRate('failures', { when: 'failure' })
  rejects(): Observable<never> {
    return throwError(() => thrown);
  }

  @Post('empty')
  @MonitorRate('calls', { when: 'success' })
  @MonitorRate('failures', { when: 'failure' })
  empty(): Observable<never> {
    return EMPTY;
  }

  @Sse('no-events')
  @MonitorRate('calls', { when: 'success' })
  noEvents(): Observable<never> {
    return EMPTY;
  }

  @Sse('sse')
  @MonitorRate('tokens', { after: (result) => tokens((result as { data: Answer }).data) })
  sse(@Query('open') isOpen?: string): Observable<{ data: Answer }> {
    const events = [1, 2, 40].map((total_tokens) => ({ data: { usage: { total_tokens } } }));
    return concat(of(...events), isOpen ? NEVER : of(events[2] as { data: Answer }).pipe(delay(5)));
  }

  @Get('file')
  @MonitorRate('tokens', { after: () => 7 })
  @MonitorRate('failures', { when: 'failure' })
  file(): StreamableFile {
    source = new PassThrough();
    source.write('begun');
    return new StreamableFile(source, { type: 'text/plain' });
  }

  @Get('generated')
  @UseInterceptors(Sent)
  @MonitorRate('tokens', { after: tokens })
  @MonitorRate('failures', { when: 'failure' })
  async *generated(@Query('fail') fail?: string): AsyncIterable<Answer> {
    for (const total_tokens of [1, 2, 40]) yield await Promise.resolve({ usage: { total_tokens } });
    if (fail) throw thrown;
  }

  @Get('unsent')
  @MonitorRate('calls', { when: 'success' })
  async *unsent(): AsyncIterable<Answer> {
    yield await Promise.resolve({ usage: { total_tokens: 1 } });
  }

  @Get('by-hand')
  @MonitorRate('tokens', { after: () => 3 })
  byHand(@Res() response: ServerResponse & { raw?: ServerResponse }): void {
    const raw = (open = response.raw ?? response);
    raw.writeHead(200);
    Readable.from(['a', 'b']).on('data', (chunk) => raw.write(chunk));
  }

  @Post('plain')
  @MonitorRate('calls')
  plain(): string {
    return 'ok';
  }
}

@UseGuards(AuthGuard)
@MonitorRate('failures', { when: 'failure' })
@Controller('class')
class ByClassController {
  @Post('inherits')
  inherits(): void {
    throw thrown;
  }

  @Post('own')
  @MonitorRate('calls')
  own(): void {
    throw thrown;
  }

  @Post('skipped')
  @SkipMonitorRate()
  skipped(): void {
    throw thrown;
  }
}

/** Resolves once a response that is still open has sent the text. */
async function received(response: Response, sent: string): Promise<void> {
  let text = '';
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  while (!text.includes(sent)) text += Buffer.from((await reader.read()).value ?? []).toString();
}

describe.each([['Express', false] as const, ['Fastify', true] as const])('by outcome, on %s', (_platform, fastify) => {
  let app: TestApp;
  const categories = Object.fromEntries(['tokens', 'failures', 'calls'].map((name) => [name, { threshold: 100 }]));
  const acme = { 'x-project': 'acme' };
  const counts = (): Promise<number[]> =>
    Promise.all(
      ['tokens', 'failures', 'calls'].map((category) => app.app.get(RateCounterService).read(category, 'acme')),
    );
  const counted = (expected: number[]): Promise<void> => until(async () => String(await counts()) === String(expected));
  const answer = (total_tokens: unknown): unknown => ({ usage: { total_tokens } });

  beforeEach(async () => {
    [open, source, calls] = [undefined, undefined, 0];
    const controllers = [OutcomeController, ByClassController];
    app = await startApp({ fastify, options: { categories }, metadata: { controllers } });
  });
  afterEach(() => {
    // The client keeps a connection for its next request, and Fastify would wait for over a minute until that is idle long enough.
    (app.app.getHttpServer() as HttpServer).closeAllConnections();
    return app.close();
  });

  it('counts what the handler returned, even if other interceptors change it', async () => {
    expect(await (await app.post('/tokens', acme, answer(70))).json()).toEqual({ data: answer(70) });
    expect(await counts()).toEqual([70, 0, 0]);
    expect(await (await app.post('/enveloped', acme, answer(31))).json()).toEqual({ data: answer(31) });
    await counted([101, 0, 0]);
    await until(() => app.alerts.length === 1);
    expect(app.alerts[0]).toMatchObject({
      count: 101,
      tenant: { id: 'acme' },
      route: { handler: 'OutcomeController.enveloped' },
    });
  });

  it.each([
    ['nothing', undefined],
    ['text', 'many'],
    ['less than nothing', -1],
  ])('counts nothing if the result is %s or cannot be read, and logs each reason once', async (_what, total) => {
    for (let i = 0; i < 2; i++) expect((await app.post('/tokens', acme, answer(total))).status).toBe(201);
    for (let i = 0; i < 2; i++) expect((await app.post('/tokens', acme, {})).status).toBe(201);
    expect(await counts()).toEqual([0, 0, 0]);
    expect([app.log.of('after of tokens returned'), app.log.of('after of tokens threw')]).toEqual([
      [expect.anything()],
      [expect.anything()],
    ]);
  });

  it('counts successes or failures, and passes on the error unchanged', async () => {
    expect(await (await app.post('/both', acme)).text()).toBe('ok');
    expect(await counts()).toEqual([5, 0, 1]);
    const failed = await app.post('/both?fail=1', acme);
    expect([failed.status, await failed.json()]).toEqual([409, { code: 'already there' }]);
    expect(await counts()).toEqual([5, 1, 2]);
    expect((await app.post('/piped?n=x', acme)).status).toBe(400);
    expect((await app.post('/piped?n=1', acme)).status).toBe(201);
    expect((await app.post('/rejects', acme)).status).toBe(409);
    expect(await counts()).toEqual([5, 3, 2]);
    // Refused by a guard, so it has no outcome.
    await app.post('/both?fail=1', { ...acme, 'x-refuse': '1' });
    expect(await counts()).toEqual([5, 3, 2]);
  });

  it('counts each call if an interceptor calls the handler again, and the request once', async () => {
    expect(await (await app.post('/repeated', acme)).json()).toEqual(answer(10));
    expect(await counts()).toEqual([10, 2, 1]);
  });

  it('counts an Observable without a value as a failure, as Nest does, except for a stream', async () => {
    expect((await app.post('/empty', acme)).status).toBe(500);
    expect(await counts()).toEqual([0, 1, 0]);
    expect((await fetch(`${app.url}/no-events`, { headers: acme })).status).toBe(200);
    expect(await counts()).toEqual([0, 1, 1]);
  });

  it('counts a stream of events when it ends, with the last one', async () => {
    await (await fetch(`${app.url}/sse`, { headers: acme })).text();
    expect(await counts()).toEqual([40, 0, 0]);
  });

  it('counts a stream of events when its client leaves', async () => {
    const leave = new AbortController();
    const response = await fetch(`${app.url}/sse?open=1`, { headers: acme, signal: leave.signal });
    await received(response, '40');
    expect(await counts()).toEqual([0, 0, 0]);
    leave.abort();
    await counted([40, 0, 0]);
  });

  it('counts a file when it is sent, or a failure if it cannot be', async () => {
    const response = await fetch(`${app.url}/file`, { headers: acme });
    expect(await counts()).toEqual([0, 0, 0]);
    source?.end();
    expect(await response.text()).toBe('begun');
    await counted([7, 0, 0]);
    const broken = await fetch(`${app.url}/file`, { headers: acme });
    source?.destroy(new Error('disk'));
    await broken.text().catch(() => undefined);
    await counted([7, 1, 0]);
  });

  it('counts what a generator yields when it ends, or a failure if it breaks', async () => {
    const lines = [1, 2, 40].map((total) => JSON.stringify(answer(total)));
    const text = await (await fetch(`${app.url}/generated`, { headers: acme })).text();
    expect(text.trim().split('\n')).toEqual(lines);
    await counted([40, 0, 0]);
    const broken = await fetch(`${app.url}/generated?fail=1`, { headers: acme });
    await broken.text().catch(() => undefined);
    await counted([40, 1, 0]);
    // Nobody reads its values: the response is the answer.
    await fetch(`${app.url}/unsent`, { headers: acme });
    await counted([40, 1, 1]);
  });

  it('counts a response that the handler writes itself when it is closed', async () => {
    const response = await fetch(`${app.url}/by-hand`, { headers: acme });
    expect(await counts()).toEqual([0, 0, 0]);
    open?.end();
    expect(await response.text()).toBe('ab');
    await counted([3, 0, 0]);
  });

  it.each([
    ['sse?open=1', '40', 40],
    ['file', 'begun', 7],
    ['by-hand', 'ab', 3],
  ])('finds a tenant in AsyncLocalStorage when the client of %s leaves', async (path, sent, count) => {
    await app.close();
    app = await startApp({
      fastify,
      options: { categories, tenant: () => storage.getStore() as string },
      metadata: { controllers: [OutcomeController] },
      prepare: (nest) =>
        void nest.use(({ headers }: { headers: Record<string, string> }, _response: unknown, next: () => void) =>
          storage.run(headers['x-project'], next),
        ),
    });
    const leave = new AbortController();
    const response = await fetch(`${app.url}/${path}`, { headers: acme, signal: leave.signal });
    await received(response, sent);
    leave.abort();
    const read = (): Promise<number> => app.app.get(RateCounterService).read('tokens', 'acme');
    await until(async () => (await read()) > 0 || app.log.of('No tenant').length > 0);
    expect([await read(), app.log.of('No tenant')]).toEqual([count, []]);
  });

  it('applies to a class, unless a method overrides it', async () => {
    for (const path of ['inherits', 'own', 'skipped'])
      expect((await app.post(`/class/${path}`, acme)).status).toBe(409);
    expect(await counts()).toEqual([0, 1, 1]);
  });

  it('binds an interceptor only to handlers that need it', () => {
    const bound = (owner: { prototype: object }, key: string): string[] => {
      const handler = (owner.prototype as Record<string, object>)[key] as object;
      const interceptors = [owner, handler].map((target) => Reflect.getMetadata('__interceptors__', target) as unknown);
      return interceptors.flat().flatMap((each) => (each ? [(each as { name: string }).name] : []));
    };
    expect(bound(OutcomeController, 'plain')).toEqual([]);
    expect(bound(OutcomeController, 'both')).toEqual(['OutcomeInterceptor']);
    expect(bound(OutcomeController, 'enveloped')).toEqual(['Enveloped', 'OutcomeInterceptor']);
    expect(bound(ByClassController, 'inherits')).toEqual(['OutcomeInterceptor']);
    expect(bound(ByClassController, 'own')).toEqual([]);
  });
});

describe('by outcome, beyond HTTP', () => {
  const categories = { tokens: { threshold: 100 }, failures: { threshold: 100 } };
  const count = (app: INestApplicationContext, category: string): Promise<number> =>
    app.get(RateCounterService).read(category, 'acme');

  it('counts in a class with a mark by outcome, though another class with the same inherited handler has a mark without', async () => {
    class Base {
      @Post()
      ask(): string {
        return 'ok';
      }
    }

    @Controller('by-outcome')
    @MonitorRate('tokens', { when: 'success' })
    class ByOutcome extends Base {}

    @Controller('plain')
    @MonitorRate('failures')
    class Plain extends Base {}

    const { app, post, close } = await startApp({
      options: { categories, tenant: () => 'acme' },
      metadata: { controllers: [ByOutcome, Plain] },
    });
    await post('/by-outcome');
    await post('/plain');
    expect([await count(app, 'tokens'), await count(app, 'failures')]).toEqual([1, 1]);
    await close();
  });

  it('counts GraphQL resolvers', async () => {
    @Resolver()
    class CompletionResolver {
      @GraphqlQuery(() => Int)
      @MonitorRate('tokens', { after: (result) => result as number })
      complete(): Promise<number> {
        return Promise.resolve(42);
      }

      @GraphqlQuery(() => Int)
      @MonitorRate('failures', { when: 'failure' })
      fail(): number {
        throw new Error('no model');
      }

      @GraphqlQuery(() => Int)
      @MonitorRate('failures', { when: 'failure' })
      empty(): Observable<never> {
        return EMPTY;
      }
    }
    const graphql = GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, autoSchemaFile: true });
    const { app, post, close } = await startApp({
      fastify: true,
      options: { categories, tenant: () => 'acme' },
      metadata: { imports: [graphql], providers: [CompletionResolver] },
    });
    const ask = async (query: string): Promise<unknown> => (await post('/graphql', {}, { query })).json();
    expect(await ask('{ complete }')).toEqual({ data: { complete: 42 } });
    expect(await ask('{ fail }')).toMatchObject({ errors: [{ message: 'no model' }] });
    expect(await ask('{ empty }')).toMatchObject({ errors: [{ message: 'no elements in sequence' }] });
    expect([await count(app, 'tokens'), await count(app, 'failures')]).toEqual([42, 2]);
    await close();
  });

  it('counts messages of a microservice, and streams when they end', async () => {
    @Controller()
    class Consumer {
      @MessagePattern('complete')
      @MonitorRate('tokens', { after: (result) => result as number })
      complete(): Observable<number> {
        return of(1, 2, 40);
      }

      @MessagePattern('empty')
      @MonitorRate('failures', { when: 'failure' })
      empty(): Observable<never> {
        return EMPTY;
      }

      @MessagePattern('breaks')
      @MonitorRate('tokens', { after: (result) => result as number })
      @MonitorRate('failures', { when: 'failure' })
      breaks(): Observable<number> {
        return concat(
          of(1, 2),
          throwError(() => new RpcException({ code: 7, message: 'no more' })),
        );
      }

      @MessagePattern('fail')
      @MonitorRate('failures', { when: 'failure' })
      fail(): never {
        throw new RpcException('no model');
      }
    }
    const tcp = { transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } } as const;
    const options = { categories, tenant: () => 'acme' };
    const metadata = { controllers: [Consumer] };
    const { app, close } = await startApp({
      options,
      metadata,
      prepare: (app) => void app.connectMicroservice(tcp, { inheritAppConfig: true }),
    });
    await app.startAllMicroservices();
    const [service] = app.getMicroservices() as unknown as [{ unwrap(): Server }];
    const { port } = service.unwrap().address() as AddressInfo;
    const client = ClientProxyFactory.create({ ...tcp, options: { ...tcp.options, port } });
    expect(await lastValueFrom(client.send('complete', {}).pipe(toArray()))).toEqual([1, 2, 40]);
    expect(await lastValueFrom(client.send('empty', {}).pipe(toArray()))).toEqual([]);
    await expect(lastValueFrom(client.send('fail', {}))).rejects.toEqual(
      expect.objectContaining({ message: 'no model' }),
    );
    expect([await count(app, 'tokens'), await count(app, 'failures')]).toEqual([40, 1]);
    const given: unknown[] = [];
    const breaks = client.send<number>('breaks', {}).pipe(tap((value) => given.push(value)));
    await expect(lastValueFrom(breaks)).rejects.toEqual({ code: 7, message: 'no more' });
    expect([given, await count(app, 'tokens'), await count(app, 'failures')]).toEqual([[1, 2], 40, 2]);
    client.close();
    await close();
  });
});

it.each<[object, string]>([
  [{ after: 7 }, 'after of @MonitorRate() is not a function'],
  [{ after: () => 1, cost: 2 }, 'both after and cost'],
  [{ after: () => 1, when: 'failure' }, "after together with when: 'failure'"],
  [{ when: 'sometimes' }, "neither 'success' nor 'failure'"],
])('a decorator with %p throws', (options, message) => {
  expect(() => MonitorRate('tokens', options as never)).toThrow(message);
});
