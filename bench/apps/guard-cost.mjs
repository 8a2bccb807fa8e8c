// @ts-check
// The guard alone, called with requests as Fastify makes them: how long a call takes, and how much it allocates.
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';

import { answer, argument } from '../lib/answers.mjs';
import { createApp } from './create-app.mjs';
import { LlmController } from './llm.controller.mjs';

const REQUESTS = 1_000;
const { call } = LlmController.prototype;

// What it takes to read a tenant from a request is the app's affair.
/** @param {import('@nestjs/common').ExecutionContext} context */
const tenant = (context) => context.getArgByIndex(0).auth.project;

const app = await createApp({ ...argument, options: { tenant } });
const newRequest = await requestsOf(app.getHttpAdapter().getInstance());
// The monitor's is bound to the handler; the others are global.
const [bound] = Reflect.getMetadata('__guards__', call) ?? [];
const guard = bound ? app.get(bound, { strict: false }) : Reflect.get(app, 'config').getGlobalGuards()[0];

answer({
  measure() {
    const contexts = Array.from({ length: REQUESTS }, (_, i) => contextOf(`tenant-${i % 100}`));
    const heapBefore = process.memoryUsage().heapUsed;
    const startedAt = process.hrtime.bigint();
    for (const context of contexts) guard.canActivate(context);
    const ns = Number(process.hrtime.bigint() - startedAt);
    return { ns: ns / REQUESTS, bytes: (process.memoryUsage().heapUsed - heapBefore) / REQUESTS };
  },
});

/**
 * A new request each: one that has been counted is not counted again.
 *
 * @param {string} id
 */
function contextOf(id) {
  const request = newRequest();
  request.auth = { project: { id, name: id } };
  return new ExecutionContextHost([request, undefined, undefined], LlmController, call);
}

/**
 * @typedef {{
 *   constructor: new (...parts: unknown[]) => { auth?: object },
 *   id: unknown, params: unknown, raw: unknown, query: unknown, log: unknown,
 *   [route: symbol]: unknown,
 * }} FastifyRequest
 */

/**
 * Takes one real request, and makes more in the way in which Fastify made that one.
 *
 * @param {import('fastify').FastifyInstance} fastify
 */
async function requestsOf(fastify) {
  /** @type {FastifyRequest[]} */
  const taken = [];
  fastify.addHook('preHandler', (request, reply) => {
    taken.push(/** @type {FastifyRequest} */ (/** @type {unknown} */ (request)));
    reply.send('taken');
  });
  await app.init();
  await fastify.inject({ method: 'POST', url: '/llm/call', headers: { 'x-tenant': 'sample' }, payload: {} });
  const [sample] = taken;
  const [context] = Object.getOwnPropertySymbols(sample).filter(({ description }) => description === 'fastify.context');
  const { constructor: Request, id, params, raw, query, log, [context]: route } = sample;
  return () => new Request(id, params, raw, query, log, route);
}
