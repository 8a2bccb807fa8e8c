// @ts-check
// Writes docs/options.md from the TSDoc of what a user may set, with --write; with --check, fails if that would change it.
import { readFileSync, writeFileSync } from 'node:fs';

import ts from 'typescript';

const PAGE = 'docs/options.md';
/** What is listed, in this order, and how a reader gets it. */
const LISTED = {
  RateMonitorOptions: '`RateMonitorModule.forRoot(options)`',
  CategoryOptions: '`categories: { llm_call: { ... } }`',
  WindowOptions: '`windows: [{ ... }]` of a category, or the category itself',
  AlertLevel: '`levels: [{ ... }]` of a category',
  IncidentOptions: '`incidents: { ... }`',
  UsageOptions: '`usage: { ... }`',
  MetricsOptions: '`metrics: { ... }`',
  MonitorRateOptions: '`@MonitorRate(category, { ... })`',
  ChannelFilter: 'All channels; the only options of `LogChannel` and `SentryChannel`',
  MessageOptions: '`new SlackChannel({ ... })`, `new DiscordChannel({ ... })`',
  DiscordChannelOptions: '`new DiscordChannel({ ... })`',
  WebhookChannelOptions: '`new WebhookChannel({ ... })`',
  AlertmanagerChannelOptions: '`new AlertmanagerChannel({ ... })`',
  PagerDutyChannelOptions: '`new PagerDutyChannel({ ... })`',
  MuteOptions: '`AlertService.mute({ ... })`',
  RateMonitorDashboardOptions: '`RateMonitorDashboardModule.forRoot({ ... })`',
};

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile('tsconfig.json', ts.sys.readFile).config,
  ts.sys,
  '.',
);
const ENTRIES = ['src/index.ts', 'src/dashboard/index.ts'];
const program = ts.createProgram(ENTRIES, options);
const checker = program.getTypeChecker();
const exported = new Map(
  ENTRIES.flatMap((path) => {
    const file = program.getSourceFile(path);
    const entry = file && checker.getSymbolAtLocation(file);
    if (!entry) throw new Error(`${path} exports nothing`);
    return checker.getExportsOfModule(entry);
  }).map((symbol) => [symbol.name, symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol]),
);

/** @type {string[]} */
const problems = [];
const page = `# Options

<!-- Written by npm run docs:options from the comments in src/: change it there. -->

Every option, with its type and default. A variable that is named wins over code; an empty one is not set. A wrong value throws a
\`RateMonitorConfigError\` at boot, or when the channel is created, that names the option, the value and what to write, but shows no secret.
\`null\` and \`undefined\` mean that an option is not given.

${Object.entries(LISTED).map(section).join('\n\n')}
`;

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exitCode = 1;
} else if (process.argv.includes('--write')) {
  writeFileSync(PAGE, page);
} else if (readFileSync(PAGE, 'utf8') !== page) {
  console.error(`${PAGE} is out of date: run npm run docs:options`);
  process.exitCode = 1;
}

/** @param {[name: string, how: string]} listed */
function section([name, how]) {
  const symbol = exported.get(name);
  if (!symbol) throw new Error(`${ENTRIES.join(' and ')} do not export ${name}`);
  const properties = checker.getDeclaredTypeOfSymbol(symbol).getProperties();
  const rows = properties.filter((property) => !isElsewhere(name, property)).map((property) => row(name, property));
  const others = new Set(properties.filter((property) => isElsewhere(name, property)).map(ownerOf));
  const links = [...others].map((other) => `[${other}](#${other.toLowerCase()})`);
  const besides = links.length > 0 ? ` It also takes all of ${links.join(' and ')}.` : '';
  const head = '| option | type | default | what it does |\n| --- | --- | --- | --- |';
  // "Options of `X`" repeats what `how` says.
  const what = prose(symbol.getDocumentationComment(checker)).replace(/^Options of `[^`]+`\. ?/, '');
  return `## ${name}\n\n${[`${how}.`, what].filter(Boolean).join(' ')}${besides}\n\n${head}\n${rows.join('\n')}`;
}

/**
 * Inherited members whose owner has its own section.
 *
 * @param {string} name
 * @param {ts.Symbol} property
 */
function isElsewhere(name, property) {
  return ownerOf(property) !== name && ownerOf(property) in LISTED;
}

/** @param {ts.Symbol} property */
function ownerOf({ declarations: [{ parent }] = [] }) {
  return ts.isInterfaceDeclaration(parent) ? parent.name.text : '';
}

/**
 * @param {string} owner
 * @param {ts.Symbol} property
 */
function row(owner, property) {
  const { type, questionToken } = /** @type {ts.PropertySignature} */ (property.valueDeclaration);
  if (!type) throw new Error(`${owner}.${property.name} has no type`);
  const what = prose(property.getDocumentationComment(checker));
  const value = property.getJsDocTags(checker).find(({ name }) => name === 'defaultValue');
  if (what === '') problems.push(`${owner}.${property.name} has no comment`);
  if (questionToken && !value) problems.push(`${owner}.${property.name} may be left out, and has no @defaultValue`);
  if (questionToken && !/ \| undefined$/.test(type.getText()))
    problems.push(
      `${owner}.${property.name} takes no undefined from apps with exactOptionalPropertyTypes: add it to the type`,
    );
  const otherwise = value ? prose(value.text) : 'required';
  return `| \`${property.name}\` | \`${typeText(type)}\` | ${[otherwise, what].map(cell).join(' | ')} |`;
}

/**
 * As written in the source, without `undefined`, which only means that an option may be left out.
 *
 * @param {ts.TypeNode} type
 */
function typeText(type) {
  const text = type
    .getText()
    .replace(/\s+/g, ' ')
    .replace(/ \| undefined$/, '')
    .replace(/^\((.*)\)$/, '$1');
  return cell(text);
}

/**
 * A comment on one line, and its links as code.
 *
 * @param {ts.SymbolDisplayPart[]} [parts]
 */
function prose(parts = []) {
  return ts
    .displayPartsToString(parts)
    .replace(/\{@link (\S+?) *\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .trim();
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll('|', '\\|');
}
