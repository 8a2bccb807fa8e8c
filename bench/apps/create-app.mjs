// @ts-check
import 'reflect-metadata';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import { CONTESTANTS, GUARDS } from './contestants.mjs';
import { decorate, guardedEndpoint, pathBeside } from './llm.controller.mjs';

/**
 * @typedef {{
 *   contestant: string,
 *   platform?: string,
 *   redis: import('./contestants.mjs').RedisAddress,
 *   options?: import('nestjs-rate-monitor').RateMonitorOptions,
 *   besides?: (keyof typeof GUARDS)[],
 * }} AppArgument
 * @typedef {{ headers: Record<string, string>, auth: { project: { id: string, name: string } } }} AppRequest
 */

/**
 * The same app for every contestant: one endpoint, and a tenant on each request before any guard runs. Contestants that are a guard and
 * nothing else may have an endpoint of their own in it.
 *
 * @param {AppArgument} argument
 */
export async function createApp({ contestant, platform = 'fastify', redis, options, besides = [] }) {
  // "rate-monitor, await" of another build is "rate-monitor, await (other)"
  const [, kind = '', other] = /^(.*?)( \(other\))?$/.exec(contestant) ?? [];
  /** @type {typeof import('nestjs-rate-monitor')} */
  const monitor = await import(other ? 'nestjs-rate-monitor-other' : 'nestjs-rate-monitor');
  const { imports = [], providers = [] } = await CONTESTANTS[kind]({ redis, monitor, options });
  class AppModule {}
  const controllers = [decorate(kind.startsWith('rate-monitor') ? monitor.MonitorRate : undefined)];
  const others = besides.map((name, i) => guardedEndpoint(pathBeside(i), GUARDS[name]));
  Module({ imports, providers, controllers: [...controllers, ...others] })(AppModule);
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(AppModule, adapter, { logger: ['error', 'warn'] });
  if (platform === 'express') app.use(identifyFirst);
  else app.getHttpAdapter().getInstance().decorateRequest('auth', null).addHook('onRequest', identifyFirst);
  return app;
}

/**
 * @param {AppRequest} request
 * @param {unknown} _response
 * @param {() => void} done
 */
function identifyFirst(request, _response, done) {
  const id = request.headers['x-tenant'];
  request.auth = { project: { id, name: id } };
  done();
}
