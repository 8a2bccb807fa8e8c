import { once } from 'node:events';

import { Field, GraphQLModule, Int, ObjectType, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { WebSocket } from 'ws';

import { MonitorRate, RateCounterService } from '../../../src/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { until } from '../../support/until.js';

@ObjectType()
class Spent {
  @Field(() => Int)
  tokens!: number;
}

interface Event {
  spent: Spent;
}

const tokens = { after: (result: unknown) => (result as Event | undefined)?.spent.tokens ?? 0 };
let goOn: () => void = () => undefined;
let wasReturned = false;

/** With private fields, as cursors and subscriptions of libraries have them. */
class Events implements AsyncIterableIterator<Event> {
  #left = [1, 2, 40];

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Event>> {
    const value = this.#left.shift();
    return Promise.resolve(
      value === undefined ? { done: true, value: undefined } : { done: false, value: { spent: { tokens: value } } },
    );
  }
}

@Resolver(() => Spent)
class SpentResolver {
  @Query(() => Int)
  zero(): number {
    return 0;
  }

  @Subscription(() => Spent, { name: 'spent' })
  @MonitorRate('calls')
  @MonitorRate('tokens', tokens)
  @MonitorRate('failures', { when: 'failure' })
  spent(): AsyncIterableIterator<Event> {
    return new Events();
  }

  @Subscription(() => Spent, { name: 'endless', resolve: (event: Event) => event.spent })
  @MonitorRate('tokens', tokens)
  async *endless(): AsyncIterableIterator<Event> {
    try {
      yield { spent: { tokens: 7 } };
      await new Promise<void>((resolve) => (goOn = resolve));
      yield { spent: { tokens: 8 } };
    } finally {
      wasReturned = true;
    }
  }

  @Subscription(() => Spent, { name: 'breaks', resolve: (event: Event) => event.spent })
  @MonitorRate('tokens', tokens)
  @MonitorRate('failures', { when: 'failure' })
  async *breaks(): AsyncIterableIterator<Event> {
    yield { spent: { tokens: 5 } };
    throw new Error('no model');
  }
}

interface Message {
  type: string;
  payload?: { data?: Record<string, Spent>; errors?: { message: string }[] };
}

/** Subscribes as a client of `graphql-transport-ws` does. */
class Subscriber {
  readonly messages: Message[] = [];

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.messages.push(JSON.parse(data.toString()) as Message));
  }

  static async subscribe(url: string, field: string): Promise<Subscriber> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const subscriber = new Subscriber(socket);
    const send = (message: object): void => socket.send(JSON.stringify(message));
    send({ type: 'connection_init', payload: { token: 'acme' } });
    await until(() => subscriber.messages.some(({ type }) => type === 'connection_ack'));
    send({ type: 'subscribe', id: '1', payload: { query: `subscription { ${field} { tokens } }` } });
    return subscriber;
  }

  get values(): unknown[] {
    return this.messages.flatMap(({ payload }) => Object.values(payload?.data ?? {}).map(({ tokens }) => tokens));
  }

  unsubscribe(): void {
    this.socket.send(JSON.stringify({ type: 'complete', id: '1' }));
  }

  close(): void {
    this.socket.close();
  }
}

describe('GraphQL subscriptions', () => {
  const categories = Object.fromEntries(['calls', 'tokens', 'failures'].map((name) => [name, { threshold: 100 }]));
  let app: TestApp;
  let subscriber: Subscriber;

  beforeEach(async () => {
    const graphql = GraphQLModule.forRoot<MercuriusDriverConfig>({
      driver: MercuriusDriver,
      autoSchemaFile: true,
      subscription: {
        fullWsTransport: true,
        // What it gives is on the context of every operation of the connection.
        onConnect: ({ payload }) => ({ user: { tenantId: (payload as { token: string }).token } }),
      },
    });
    app = await startApp({
      fastify: true,
      options: { categories },
      metadata: { imports: [graphql], providers: [SpentResolver] },
    });
  });
  afterEach(async () => {
    subscriber.close();
    await app.close();
  });

  const subscribe = async (field: string): Promise<void> => {
    subscriber = await Subscriber.subscribe(app.url, field);
  };
  const counts = (): Promise<number[]> =>
    Promise.all(Object.keys(categories).map((category) => app.app.get(RateCounterService).read(category, 'acme')));
  const counted = (expected: number[]): Promise<void> => until(async () => String(await counts()) === String(expected));

  it('count once for the user from onConnect, and by their result when they end', async () => {
    await subscribe('spent');
    await until(() => subscriber.messages.some(({ type }) => type === 'complete'));
    expect(subscriber.values).toEqual([1, 2, 40]);
    await counted([1, 40, 0]);
  });

  it('count what was sent when the client leaves', async () => {
    wasReturned = false;
    await subscribe('endless');
    await until(() => subscriber.values.length === 1);
    expect(await counts()).toEqual([0, 0, 0]);
    subscriber.unsubscribe();
    // A generator takes note of its end when it is done with what it waits for.
    await new Promise((resolve) => setTimeout(resolve, 50));
    goOn();
    await until(() => wasReturned);
    await counted([0, 8, 0]);
  });

  it('count as failures if they break, and pass on the error', async () => {
    await subscribe('breaks');
    await counted([0, 0, 1]);
    await until(() => subscriber.messages.some(({ type }) => type === 'complete' || type === 'error'));
    expect(subscriber.values).toEqual([5]);
    expect(subscriber.messages.at(-1)?.payload).toMatchObject([{ message: 'no model' }]);
  });
});
