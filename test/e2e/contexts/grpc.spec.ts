import { join } from 'node:path';

import { credentials, loadPackageDefinition, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Controller, UseGuards, type CanActivate, type INestMicroservice } from '@nestjs/common';
import { GrpcMethod, GrpcStreamMethod, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { map, type Observable } from 'rxjs';

import { MonitorRate, RateCounterService, RateMonitorModule, type RateMonitorOptions } from '../../../src/index.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { sharedRedis } from '../../support/redis.js';
import { calmCategories } from '../../support/calm-window.js';
import { freePort } from '../../support/free-port.js';

const PROTO = join(process.cwd(), 'test/support/echo.proto');

interface Word {
  text: string;
}

interface EchoClient {
  Each(): ClientDuplexStream<Word, Word>;
  One(word: Word, done: (error: ServiceError | null, answer: Word) => void): void;
  close(): void;
}

class LetThrough implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@UseGuards(LetThrough)
@Controller()
class EchoController {
  @GrpcStreamMethod('Echo', 'Each')
  @MonitorRate('llm_call')
  each(words: Observable<Word>): Observable<Word> {
    return words.pipe(map(({ text }) => ({ text: `${text}!` })));
  }

  @GrpcMethod('Echo', 'One')
  @MonitorRate('evaluations')
  one({ text }: Word): Word {
    return { text: `${text}!` };
  }
}

describe.each([
  ['auto', 'memory'],
  ['auto', 'Redis'],
  ['await', 'memory'],
  ['await', 'Redis'],
  ['background', 'memory'],
  ['background', 'Redis'],
] as const)('gRPC, %s in %s', (counting, place) => {
  let service: INestMicroservice;
  let client: EchoClient | undefined;
  let redis: ReturnType<typeof sharedRedis> | undefined;

  beforeAll(async () => {
    redis = place === 'Redis' ? sharedRedis() : undefined;
    const port = await freePort();
    const shared = redis ? { redis: redis.client, keyPrefix: redis.keyPrefix } : {};
    const options: RateMonitorOptions = { ...shared, categories: calmCategories() };
    const monitor = RateMonitorModule.forRoot({ ...options, counting, channels: [], tenant: () => 'acme' });
    const testing = await Test.createTestingModule({ imports: [monitor], controllers: [EchoController] }).compile();
    service = testing.createNestMicroservice<MicroserviceOptions>({
      transport: Transport.GRPC,
      options: { package: 'echo', protoPath: PROTO, url: `127.0.0.1:${port}` },
      logger: new MemoryLogger(),
    });
    await service.listen();
    client = connect(port);
  });
  afterAll(async () => {
    client?.close();
    await service.close();
    redis?.client.disconnect();
  });

  it.each([1, 2, 5, 50])('answers each message of a stream of %i', async (length) => {
    const words = Array.from({ length }, (_, i) => `w${i}`);
    const stream = (client as EchoClient).Each();
    const answers: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', ({ text }: Word) => answers.push(text));
      stream.on('error', reject);
      stream.on('end', resolve);
    });
    for (const text of words) stream.write({ text });
    stream.end();
    await ended;
    expect(answers).toEqual(words.map((text) => `${text}!`));
  });

  it('counts a stream once, and a call once', async () => {
    await new Promise<void>((resolve, reject) =>
      (client as EchoClient).One({ text: 'w' }, (error) => (error ? reject(error) : resolve())),
    );
    const counter = service.get(RateCounterService);
    expect([await counter.read('llm_call', 'acme'), await counter.read('evaluations', 'acme')]).toEqual([4, 1]);
  });
});

function connect(port: number): EchoClient {
  const { echo } = loadPackageDefinition(loadSync(PROTO)) as unknown as {
    echo: { Echo: new (address: string, with_: unknown) => EchoClient };
  };
  return new echo.Echo(`127.0.0.1:${port}`, credentials.createInsecure());
}
