// @ts-check
// Turns the README's quick start into an app and calls it until it alerts.
import { readFileSync } from 'node:fs';

export const ALERT = 'proj_1 is over the evaluations threshold: 4 in 1 min, threshold 3';

export function quickStart() {
  const [setUp] = readFileSync('README.md', 'utf8').match(/(?<=```ts\n)[\s\S]*?(?=```)/) ?? [];
  return `import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
${setUp}
void (async () => {
  const app = await NestFactory.create(AppModule);
  await app.listen(0, '127.0.0.1');
  // If a minute ends meanwhile, four of these are still in one.
  for (let i = 0; i < 7; i++) {
    const { status } = await fetch((await app.getUrl()) + '/evaluations', { method: 'POST', headers: { 'x-project': 'proj_1' } });
    if (status !== 201) throw new Error(String(status));
  }
  await app.close();
})();
`;
}

/** For an app that also checks our types. */
export const compilerOptions = {
  strict: true,
  target: 'es2022',
  lib: ['es2023', 'dom'],
  types: ['node'],
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
};
