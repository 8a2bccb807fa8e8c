// @ts-check
// Compiles every block marked ```ts in README.md and docs/. A block is a module or one of the fragments below, whichever it compiles as;
// names it does not import come from the packages below or from docs-prelude.d.ts. A block under `<!-- from FILE -->` is part of a file that
// is compiled, and run, as it is: it must stand there, line for line, at any indentation, and one with imports is all of the file. The tests
// that the threat model names must exist. No block reads from a value of type `any`, which the ESLint of a new Nest app refuses.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import ts from 'typescript';

const { name: OURS, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
const PACKAGES = ['@nestjs/common', '@nestjs/core', '@nestjs/config', '@liaoliaots/nestjs-redis', 'ioredis'];

/** @type {Record<string, (code: string) => string>} */
const FORMS = {
  'a module': (code) => code,
  'statements of a method': (code) => `class _ extends Injected { async _() { ${code}\n} }`,
  'members of a class': (code) => `class _ extends Injected { ${code}\n}`,
  'a decorator of a method': (code) => `class _ extends Injected { ${code}\n _() {} }`,
  'options of forRoot()': (code) => `const _: import('${OURS}').RateMonitorOptions = { ${code}\n};`,
  'entries of categories': (code) => `const _: import('${OURS}').RateMonitorOptions['categories'] = { ${code}\n};`,
};

/** @type {[string, { import: { default: string } }][]} */
const entryPoints = Object.entries(exports).filter(([, target]) => target.import);
const config = ts.parseJsonConfigFileContent(ts.readConfigFile('tsconfig.json', ts.sys.readFile).config, ts.sys, '.');
const options = {
  ...config.options,
  noUnusedLocals: false,
  noUnusedParameters: false,
  // As the app of a reader may have it.
  exactOptionalPropertyTypes: true,
  paths: Object.fromEntries(
    entryPoints.map(
      ([
        path,
        {
          import: { default: file },
        },
      ]) => [OURS + path.slice(1), [resolve(file.replace('dist/esm', 'src').replace(/\.js$/, '.ts'))]],
    ),
  ),
};

const files = [
  'README.md',
  ...readdirSync('docs')
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];
const blocks = files.flatMap(blocksOf);
const quoted = blocks.filter(({ from }) => from);
const ownWords = blocks.filter(({ from }) => !from);
/** @type {Map<string, string>} */
const sources = new Map();
const known = knownNames();
const drafts = ownWords.map((block, i) => ({
  ...block,
  tries: Object.entries(FORMS).map(([form, wrap], n) => {
    const path = resolve(`docs-block-${i}-${n}.ts`);
    // On the first line of the block, so that its line numbers stay right.
    sources.set(path, `${importsFor(block.code)} ${wrap(block.code)}\nexport {};\n`);
    return { form, path };
  }),
}));

const program = compile([...sources.keys(), resolve('scripts/docs-prelude.d.ts')]);
let wrong = 0;
for (const { file, line, tries: attempts } of drafts) {
  const tries = attempts.map(({ form, path }) => ({ form, errors: errorsOf(program.getSourceFile(path)) }));
  if (tries.some(({ errors }) => errors.length === 0)) continue;
  wrong++;
  const { form, errors } = tries.reduce((best, next) => (next.errors.length < best.errors.length ? next : best));
  console.error(`${file}:${line}: this block is wrong; read as ${form}:`);
  for (const error of errors) {
    const at = error.file?.getLineAndCharacterOfPosition(error.start ?? 0).line ?? 0;
    console.error(`  ${file}:${line + 1 + at}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n    ')}`);
  }
}
for (const { file, line, code, from } of quoted) {
  const error = misquoted(code, from);
  if (!error) continue;
  wrong++;
  console.error(`${file}:${line}: ${error}`);
}
for (const error of missingTests()) {
  wrong++;
  console.error(`docs/threat-model.md: ${error}`);
}
console.log(`${blocks.length} blocks in ${files.length} files, ${wrong} wrong`);
if (wrong > 0) {
  console.error(
    `A block may be ${Object.keys(FORMS).join(', ')}. Names of the reader's own go into scripts/docs-prelude.d.ts; a block that is part of a test names its file, as <!-- from FILE --> above it.`,
  );
  process.exitCode = 1;
}

/** @param {string} file */
function blocksOf(file) {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:^<!-- from (\S+) -->\n\n)?^```ts\n([\s\S]*?)^```/gm)].map(
    ({ 0: all, 1: from, 2: code, index }) => ({
      file,
      from,
      code,
      line: text.slice(0, index + all.indexOf('```')).split('\n').length,
    }),
  );
}

/**
 * What is wrong with a block that is marked as part of a file.
 *
 * @param {string} code
 * @param {string} from
 */
function misquoted(code, from) {
  if (!config.fileNames.some((name) => resolve(name) === resolve(from)))
    return `this block is marked as from ${from}, which tsconfig.json does not compile`;
  const file = readFileSync(from, 'utf8');
  if (!unindented(file).includes(unindented(code))) return `this block differs from ${from}: copy it from there`;
  if (code.startsWith('import ') && file.trim() !== code.trim())
    return `this block begins like a whole file: copy all of ${from}`;
}

/** Tests that the threat model names, as `file.spec.ts`: "title", "title", and that do not exist. */
function missingTests() {
  const page = readFileSync('docs/threat-model.md', 'utf8').replace(/\s+/g, ' ');
  return [...page.matchAll(/`((?:src|test)\/[^`]+)`((?::|,)(?: "[^"]+",?)+)?/g)].flatMap(([, file, titles = '']) => {
    if (!existsSync(file)) return [`there is no ${file}`];
    const spec = readFileSync(file, 'utf8');
    const named = [...titles.matchAll(/"([^"]+)"/g)].map(([, title]) => title.replace(/,$/, ''));
    if (named.length === 0) return [`write which test of ${file} it is`];
    return named.filter((title) => !spec.includes(title)).map((title) => `${file} has no test "${title}"`);
  });
}

/** @param {string} text */
function unindented(text) {
  return text.replace(/^[ \t]+/gm, '');
}

/** The packages' exports, each with where it comes from. */
function knownNames() {
  const path = resolve('docs-names.ts');
  const packages = [...entryPoints.map(([entry]) => OURS + entry.slice(1)), ...PACKAGES];
  sources.set(path, packages.map((from, i) => `import * as _${i} from '${from}';`).join('\n'));
  const names = compile([path]);
  const checker = names.getTypeChecker();
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const { moduleSpecifier } of names.getSourceFile(path)?.statements.filter(ts.isImportDeclaration) ?? []) {
    const symbol = checker.getSymbolAtLocation(moduleSpecifier);
    for (const { name } of symbol ? checker.getExportsOfModule(symbol) : [])
      if (/^[A-Z]/.test(name) && !found.has(name)) found.set(name, moduleSpecifier.getText().slice(1, -1));
  }
  sources.delete(path);
  return found;
}

/**
 * Imports of what a block uses and neither imports nor declares.
 *
 * @param {string} code
 */
function importsFor(code) {
  const its = new Set(
    [...code.matchAll(/^import [^;]*|\b(?:class|interface|type|const|enum) \w+/gm)].flatMap(([text]) =>
      text.match(/\w+/g),
    ),
  );
  const used = new Set(code.match(/\b[A-Z]\w*/g));
  const missing = [...used].filter((name) => known.has(name) && !its.has(name));
  return missing.map((name) => `import { ${name} } from '${known.get(name)}';`).join(' ');
}

/** @param {string[]} roots */
function compile(roots) {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.readFile = (path) => sources.get(path) ?? readFile(path);
  const parsed = host.getSourceFile;
  host.getSourceFile = (path, target, ...rest) => {
    const source = sources.get(path);
    return source === undefined ? parsed(path, target, ...rest) : ts.createSourceFile(path, source, target, true);
  };
  return ts.createProgram({ rootNames: roots, options: { ...options, isolatedModules: false }, host });
}

/** @param {ts.SourceFile | undefined} source */
function errorsOf(source) {
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source), ...readsOfAny(source)];
}

/**
 * @param {ts.SourceFile | undefined} file
 * @returns {Pick<ts.Diagnostic, 'file' | 'start' | 'messageText'>[]}
 */
function readsOfAny(file) {
  /** @type {ReturnType<typeof readsOfAny>} */
  const found = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    const from =
      ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)
        ? node.expression
        : ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer;
    if (from && program.getTypeChecker().getTypeAtLocation(from).flags & ts.TypeFlags.Any)
      found.push({ file, start: from.getEnd(), messageText: `${from.getText()} is of type any: write its type` });
    ts.forEachChild(node, visit);
  };
  if (file) visit(file);
  return found;
}
