// @ts-check
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

const processors = allowedProcessors();

/** The app has a processor to itself, so that its CPU bounds what it serves; with two, Redis and the load share the other. */
/** @type {Record<string, number>} */
const PLACES = { app: 0, redis: 1, load: 2 };

/**
 * The command, bound to the processor of its role if it has one.
 *
 * @param {string | undefined} role
 * @param {string} command
 * @param {string[]} args
 */
export function pinned(role, command, args) {
  const processor = processorOf(role);
  return processor === undefined
    ? { command, args }
    : { command: 'taskset', args: ['-c', String(processor), command, ...args] };
}

/**
 * Binds a process that runs, with all of its threads, to the processor of its role if it has one.
 *
 * @param {string} role
 * @param {number} pid
 */
export function pin(role, pid) {
  const processor = processorOf(role);
  if (processor !== undefined) execFileSync('taskset', ['-a', '-c', '-p', String(processor), String(pid)]);
}

/** @param {string | undefined} role */
function processorOf(role) {
  const place = role === undefined ? undefined : PLACES[role];
  return place === undefined || processors.length < 2 ? undefined : processors[Math.min(place, processors.length - 1)];
}

/** How processes are placed, in words. */
export function placement() {
  if (processors.length < 2) return 'not pinned';
  return processors.length === 2
    ? 'app on one processor, Redis and load on the other'
    : 'app, Redis and load on one processor each';
}

function allowedProcessors() {
  try {
    const affinity = execFileSync('taskset', ['-c', '-p', String(process.pid)], { encoding: 'utf8' });
    return affinity.split(':')[1].trim().split(',').flatMap(range).slice(0, availableParallelism());
  } catch {
    return [];
  }
}

/** @param {string} text */
function range(text) {
  const [first, last = first] = text.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
