// @ts-check
import { summary } from '../lib/statistics.mjs';
import { COLUMNS } from './columns.mjs';

/** A Markdown table: a line for each group of rows that are alike in `keys`, with the median and the spread of each column. */
export function table(rows, keys, columns) {
  const groups = group(rows, keys);
  const head = [...keys.map(titleOf), ...columns.map((column) => COLUMNS[column].title)];
  const lines = [...groups.values()].map((alike) => [
    ...keys.map((key) => number(alike[0][key])),
    ...columns.map((column) => spread(alike, column)),
  ]);
  return markdown(head, lines);
}

export function markdown(head, lines) {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function group(rows, keys) {
  const groups = new Map();
  for (const row of rows) {
    const name = keys.map((key) => row[key]).join('/');
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return groups;
}

function spread(rows, column) {
  const { digits, scale = 1 } = COLUMNS[column];
  const values = rows.map((row) => row[column] / scale);
  const { median, lower, upper } = summary(values);
  const written = (value) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return values.length > 1 ? `${written(median)} (${written(lower)}–${written(upper)})` : written(median);
}

function titleOf(key) {
  return { rate: 'requests/s wanted' }[key] ?? key;
}

function number(value) {
  return typeof value === 'number' ? value.toLocaleString('en') : value;
}
