// @ts-check
// One process of one contestant.
import { answer, argument } from '../lib/answers.mjs';
import { createApp } from './create-app.mjs';

const app = await createApp(argument);
await app.listen(0, '127.0.0.1');

answer({
  port: () => app.getHttpServer().address().port,

  mark() {
    const { user, system } = process.cpuUsage();
    return { at: performance.now(), cpuUs: user + system };
  },
});
