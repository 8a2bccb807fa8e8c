// @ts-check
import { summary } from '../lib/statistics.mjs';
import { COLUMNS } from './columns.mjs';

/**
 * @typedef {import('../results.js').Row} Row
 * @typedef {import('../results.js').Figure} Figure
 */

/**
 * A Markdown table: a line for each group of rows that are alike in `keys`, with the median and the spread of each column.
 *
 * @param {Row[]} rows
 * @param {(keyof Row)[]} keys
 * @param {Figure[]} columns
 */
export function table(rows, keys, columns) {
  const groups = group(rows, keys);
  const head = [...keys.map(titleOf), ...columns.map((column) => COLUMNS[column].title)];
  const lines = [...groups.values()].map((alike) => [
    ...keys.map((key) => number(alike[0][key])),
    ...columns.map((column) => spread(alike, column)),
  ]);
  return markdown(head, lines);
}

/**
 * @param {string[]} head
 * @param {string[][]} lines
 */
export function markdown(head, lines) {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * @param {Row[]} rows
 * @param {(keyof Row)[]} keys
 */
function group(rows, keys) {
  /** @type {Map<string, Row[]>} */
  const groups = new Map();
  for (const row of rows) {
    const name = keys.map((key) => row[key]).join('/');
    const alike = groups.get(name);
    if (alike) alike.push(row);
    else groups.set(name, [row]);
  }
  return groups;
}

/**
 * @param {Row[]} rows
 * @param {Figure} column
 */
function spread(rows, column) {
  const { digits, scale = 1 } = COLUMNS[column];
  const values = rows.map((row) => row[column] / scale);
  const { median, lower, upper } = summary(values);
  /** @param {number} value */
  const written = (value) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return values.length > 1 ? `${written(median)} (${written(lower)}–${written(upper)})` : written(median);
}

/** @param {keyof Row} key */
function titleOf(key) {
  return key === 'rate' ? 'requests/s wanted' : key;
}

/** @param {number | string | undefined} value */
function number(value) {
  return typeof value === 'number' ? value.toLocaleString('en') : String(value);
}
