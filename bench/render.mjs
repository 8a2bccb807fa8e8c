// @ts-check
// node render.mjs <results.json> [<Markdown file>]: prints the tables, or writes them between the markers of the file.
import { readFileSync, writeFileSync } from 'node:fs';

import { report } from './report/report.mjs';

const MARKED = /(<!-- results -->\n)[^]*?(<!-- \/results -->)/;

const [resultsFile = '', document] = process.argv.slice(2);
const tables = report(JSON.parse(readFileSync(resultsFile, 'utf8')));
if (!document) console.log(tables);
else {
  const text = readFileSync(document, 'utf8');
  if (!MARKED.test(text))
    throw new Error(`${document} has no "<!-- results -->" and "<!-- /results -->" to write between`);
  writeFileSync(
    document,
    text.replace(MARKED, (_all, begin, end) => `${begin}\n${tables}\n${end}`),
  );
}
