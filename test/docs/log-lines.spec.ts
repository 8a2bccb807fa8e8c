import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

/** Lines that need no row: who muted whom, who changed which threshold, and who did it on the page. */
const WITHOUT_A_ROW = /^(Muted |Threshold of |… …$)/;
/** What passes on the lines of others, and the channel that logs alerts. */
const PASSED_ON = /\/(warn-once|log\.channel)\.ts$/;
/** Names for lines that a function made: that function. */
const MADE_BY: Readonly<Record<string, string>> = {
  doubt: 'doubtsAbout',
  line: 'unreadLines',
  conflict: 'conflictOf',
};

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.ts$/.test(file) && !/\.spec\.ts$|^(dashboard\/page|cli)\//.test(file))
  .map((file) => join('src', file));
const sources = files.map((file) => readFileSync(file, 'utf8'));
const nodes = files.flatMap((file, i) =>
  nodesIn(ts.createSourceFile(file, sources[i] as string, ts.ScriptTarget.Latest, true)),
);

const definitions = nodes.filter(
  (node): node is ts.FunctionDeclaration | ts.VariableDeclaration =>
    ts.isFunctionDeclaration(node) || (ts.isVariableDeclaration(node) && node.initializer !== undefined),
);
const underWay = new Set<ts.Node>();

function nodesIn(root: ts.Node, found: ts.Node[] = []): ts.Node[] {
  found.push(root);
  ts.forEachChild(root, (node) => void nodesIn(node, found));
  return found;
}

/** What is logged, as the code has it: the arguments of the module's logger and of what logs once. */
const messages = nodes.flatMap((node) => {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return [];
  const { name, expression } = node.expression;
  const [log] = /(logger|once|fault)$/i.exec(expression.getText()) ?? [];
  const isLine =
    log !== undefined && /^(log|warn|error)$/.test(name.text) && !PASSED_ON.test(node.getSourceFile().fileName);
  const message = node.arguments[log === 'once' ? 1 : 0];
  return isLine && message ? [message] : [];
});

/** The texts that an expression may have; `…` stands for what only a run knows. */
function textsOf(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node))
    return node.templateSpans.reduce(
      (texts, { expression, literal }) =>
        texts.flatMap((text) => filled(expression).map((part) => `${text}${part}${literal.text}`)),
      [node.head.text],
    );
  if (ts.isParenthesizedExpression(node)) return textsOf(node.expression);
  if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse].flatMap(textsOf);
  if (ts.isBinaryExpression(node))
    return textsOf(node.left).flatMap((left) => textsOf(node.right).map((right) => left + right));
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) return textsOf(node.body);
  if (ts.isFunctionDeclaration(node) || ts.isArrowFunction(node))
    return nodesIn(node)
      .filter((one) => ts.isReturnStatement(one) || ts.isYieldExpression(one))
      .flatMap(({ expression }) => (expression ? textsOf(expression) : []));
  if (ts.isCallExpression(node) && node.expression.getText() === 'oneLine')
    return node.arguments.slice(0, 1).flatMap(textsOf);
  const name = (ts.isCallExpression(node) ? node.expression : node).getText();
  return textsNamed(name, node) ?? textsNamed(MADE_BY[name] ?? '', node) ?? ['…'];
}

/** What a template is filled with. */
function filled(node: ts.Expression): string[] {
  if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse].flatMap(filled);
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isIdentifier(node)) return textsNamed(node.text, node) ?? ['…'];
  if (!ts.isCallExpression(node) || node.expression.getText() !== 'plural') return ['…'];
  const [, one, several] = node.arguments;
  return several ? textsOf(several).map((text) => `… ${text}`) : [`… ${textsOf(one as ts.Expression).join()}s`];
}

/** What a function may return or yield, or what a constant of the same file is; undefined for what is neither. */
function textsNamed(name: string, seenFrom: ts.Node): string[] | undefined {
  const made = definitions.find(
    (one) =>
      one.name?.getText() === name &&
      (ts.isFunctionDeclaration(one) || one.getSourceFile() === seenFrom.getSourceFile()),
  );
  if (!made || underWay.has(made)) return undefined;
  underWay.add(made);
  const texts = textsOf(ts.isVariableDeclaration(made) ? (made.initializer as ts.Expression) : made);
  underWay.delete(made);
  return texts;
}

const lines = [...new Set(messages.flatMap(textsOf))];
const operations = readFileSync('docs/operations.md', 'utf8');
const [, table = ''] = /^## Log lines\n([^]*?)^## /m.exec(operations) ?? [];
const rows = [...table.matchAll(/^\| (.*?) \| /gm)].flatMap(([, cell = '']) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, line = '']) => line),
);

/** Lines that the index of symptoms and the troubleshooting page quote. */
const [, symptoms = ''] = /^## By symptom\n([^]*?)^## /m.exec(operations) ?? [];
const quoted = [
  ...`${symptoms}${readFileSync('docs/troubleshooting.md', 'utf8')}`.matchAll(/`([^`\n]*…[^`\n]*)`/g),
].map(([, line = '']) => line);

/** The longest run of words that are the same each time. */
function fixedPart(line: string): string {
  const parts = line.split('…').map((part) => part.replace(/^\W+|[\s(:,;]+$/g, ''));
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest));
}

it("finds the module's log lines and the rows about them", () => {
  expect(lines.length).toBeGreaterThan(50);
  expect(rows.length).toBeGreaterThan(50);
  expect(quoted.length).toBeGreaterThan(5);
});

it.each(lines.filter((line) => !WITHOUT_A_ROW.test(line)))('the operations page has a row about `%s`', (line) => {
  // A channel's health is told what the channel is called.
  const shown = line.replace(/^…/, 'The … channel');
  expect(rows.filter((row) => shown.includes(fixedPart(row)) || row.includes(fixedPart(line)))).not.toEqual([]);
});

it.each([...rows, ...quoted])('the code contains the words of `%s`', (row) => {
  const words = fixedPart(row).replace(/^channel /, '');
  expect(sources.some((source) => source.includes(words)) || lines.some((line) => line.includes(words))).toBe(true);
});
