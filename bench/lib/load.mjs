// @ts-check
// Sends requests to the app and measures the responses. General-purpose clients need more CPU per request than the app.
import { connect } from 'node:net';

import { answer } from './answers.mjs';
import { Latencies } from './latencies.mjs';

const ENDS_WELL = '\r\n\r\nok';
const LOOK_EVERY_MS = 1_000;
const BODY = '{"prompt":"hello"}';

/** @typedef {{ send(): void, destroy(): unknown }} Client */

const latencies = new Latencies();
let answered = 0;
/** @type {string | undefined} */
let failure;
let path = '/llm/call';
/** While the load is held: the clients that have stopped, and what to call once all have. */
/** @type {{ clients: Client[], all: () => void } | undefined} */
let held;
let random = 1;
let tenants = 1;
/**
 * Clients without a request to send, if the load is paced.
 *
 * @type {Client[] | undefined}
 */
let idle;
/** @type {NodeJS.Timeout | undefined} */
let pace;
/** @type {NodeJS.Timeout | undefined} */
let looking;
/** @type {Client[]} */
let sockets = [];

answer({
  /** @param {import('../results.js').Load & { ports: number[], looks?: boolean }} load */
  async start({ ports, looks, connections, tenants: wanted, rate }) {
    tenants = wanted;
    failure = undefined;
    held = undefined;
    idle = rate ? [] : undefined;
    sockets = await Promise.all(Array.from({ length: connections }, (_, i) => open(ports[i % ports.length])));
    for (const socket of sockets) again(socket);
    if (rate) pace = paced(rate);
    if (looks) looking = setInterval(() => look(ports[0]), LOOK_EVERY_MS);
  },

  /** Responses so far, and latencies since the last mark. */
  mark() {
    if (failure) throw new Error(failure);
    const marked = {
      at: performance.now(),
      answered,
      p50Us: latencies.percentile(0.5),
      p99Us: latencies.percentile(0.99),
    };
    latencies.clear();
    return marked;
  },

  /**
   * Sends all requests to another endpoint, from now on until `hold`.
   *
   * @param {string} at
   */
  resume(at) {
    const clients = held?.clients ?? [];
    [path, held] = [at, undefined];
    for (const client of clients) client.send();
  },

  /** Resolves once no request is under way. */
  hold() {
    return new Promise((resolve) => (held = { clients: [], all: () => resolve(undefined) }));
  },

  stop() {
    clearInterval(pace);
    clearInterval(looking);
    for (const socket of sockets) socket.destroy();
    sockets = [];
  },
});

/**
 * @param {number} port
 * @returns {Promise<Client>}
 */
function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(client));
    let sentAt = 0;
    let before = '';
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      const text = before + chunk.toString('latin1');
      if (!text.endsWith(ENDS_WELL)) {
        before = text;
        if (!text.startsWith('HTTP/1.1 2')) failure ??= `the app answered ${text.slice(0, 200)}`;
        return;
      }
      before = '';
      answered++;
      latencies.record(performance.now() - sentAt);
      again(client);
    });
    const client = {
      send() {
        sentAt = performance.now();
        socket.write(requestOf(anyOf(tenants)), 'latin1');
      },
      destroy: () => socket.destroy(),
    };
  });
}

/**
 * Sends the next request at once, or at its time if the load is paced.
 *
 * @param {Client} socket
 */
function again(socket) {
  if (held) {
    held.clients.push(socket);
    if (held.clients.length === sockets.length) held.all();
  } else if (idle) idle.push(socket);
  else socket.send();
}

/**
 * Sends the request that an open page sends each second.
 *
 * @param {number} port
 */
async function look(port) {
  for (const path of ['overview', 'category?category=llm_call']) {
    const response = await fetch(`http://127.0.0.1:${port}/rate-monitor/api/${path}`).catch(() => undefined);
    // A turn may end meanwhile.
    if (response && response.status !== 200) failure ??= `the page answered ${response.status}`;
    await response?.text().catch(() => undefined);
  }
}

/** @param {number} rate */
function paced(rate) {
  const startedAt = performance.now();
  let sent = 0;
  return setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * rate;
    for (let next = idle?.[0]; next && sent < due; next = idle?.[0]) {
      sent++;
      idle?.shift();
      next.send();
    }
  }, 1);
}

/**
 * Pseudo-random, so that no tenant is bound to one connection or process; the same in every run.
 *
 * @param {number} count
 */
function anyOf(count) {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((random / 2 ** 32) * count);
}

/** @param {number} tenant */
function requestOf(tenant) {
  return (
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-tenant: tenant-${tenant}\r\n` +
    `content-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`
  );
}
