import { RateCounterService } from '../../../src/index.js';
import { startApp, type TestApp } from '../../support/app.js';
import { StreamsController } from './streams.example.js';

describe.each([
  ['Express', false],
  ['Fastify', true],
])('streams on %s', (_platform, fastify) => {
  let app: TestApp;

  beforeEach(async () => {
    app = await startApp({
      fastify,
      options: { tenant: () => 'acme' },
      metadata: { controllers: [StreamsController] },
    });
  });
  afterEach(() => app.close());

  const textOf = async (path: string): Promise<string> => (await fetch(app.url + path)).text();
  const count = (category: string): Promise<number> => app.app.get(RateCounterService).read(category, 'acme');

  it('counts a stream of server-sent events as one request', async () => {
    expect(await textOf('/tokens')).toMatch(/data: one[^]*data: two[^]*data: three/);
    expect(await count('llm_call')).toBe(1);
  });

  it('counts a streamed file as one request', async () => {
    expect(await textOf('/export')).toBe('onetwothree');
    expect(await count('collections')).toBe(1);
  });
});
