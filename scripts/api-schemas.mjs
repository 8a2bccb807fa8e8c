// @ts-check
// Generates the schemas of the page's JSON, for OpenAPI, from the types and comments of src/dashboard/api.ts. Fails if
// src/dashboard/api-schemas.ts does not match them; --write writes it.
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const SOURCE = 'src/dashboard/api.ts';
const TARGET = 'src/dashboard/api-schemas.ts';

const program = ts.createProgram([SOURCE], { strict: true, module: ts.ModuleKind.Node16 });
const checker = program.getTypeChecker();
const file = program.getSourceFile(SOURCE);
if (!file) throw new Error(`${SOURCE} is not there`);
/** @type {Map<ts.Symbol, string>} */
const names = new Map();
file.forEachChild((node) => {
  const symbol = ts.isInterfaceDeclaration(node) && checker.getSymbolAtLocation(node.name);
  if (symbol) names.set(symbol, symbol.name);
});
const schemas = Object.fromEntries(
  [...names].map(([symbol, name]) => [
    name,
    { ...described(symbol), ...objectOf(checker.getDeclaredTypeOfSymbol(symbol)) },
  ]),
);
const text = `/** Written by \`node scripts/api-schemas.mjs --write\`, from the types of \`api.ts\`. */
export const SCHEMAS: Readonly<Record<string, object>> = ${JSON.stringify(schemas)};
`;
const wanted = await format(text, { ...(await resolveConfig(TARGET)), filepath: TARGET });
if (process.argv.includes('--write')) writeFileSync(TARGET, wanted);
else if (readFileSync(TARGET, 'utf8') !== wanted) {
  console.error(`${TARGET} does not match ${SOURCE}: run node scripts/api-schemas.mjs --write`);
  process.exitCode = 1;
}

/**
 * @param {ts.Type} type
 * @returns {object}
 */
function objectOf(type) {
  const properties = checker.getPropertiesOfType(type);
  const required = properties.filter(({ flags }) => !(flags & ts.SymbolFlags.Optional)).map(({ name }) => name);
  return {
    type: 'object',
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(
      properties.map((property) => {
        const schema = schemaOf(checker.getNonNullableType(checker.getTypeOfSymbol(property)));
        const isNullable = /\bnull\b/.test(checker.typeToString(checker.getTypeOfSymbol(property)));
        // Next to a reference, everything else is ignored.
        const beside = '$ref' in schema ? {} : { ...described(property), ...(isNullable ? { nullable: true } : {}) };
        return [property.name, { ...schema, ...beside }];
      }),
    ),
  };
}

/**
 * @param {ts.Type} type
 * @returns {object}
 */
function schemaOf(type) {
  const name = type.symbol && names.get(type.symbol);
  if (name) return { $ref: `#/components/schemas/${name}` };
  if (checker.isArrayType(type))
    return {
      type: 'array',
      items: schemaOf(checker.getTypeArguments(/** @type {ts.TypeReference} */ (type))[0] ?? type),
    };
  if (type.flags & ts.TypeFlags.BooleanLike && type.flags & ts.TypeFlags.BooleanLiteral)
    return { type: 'boolean', enum: [checker.typeToString(type) === 'true'] };
  if (type.flags & ts.TypeFlags.BooleanLike) return { type: 'boolean' };
  if (type.isUnion() && type.types.every((one) => one.isStringLiteral()))
    return { type: 'string', enum: type.types.map((one) => /** @type {ts.StringLiteralType} */ (one).value) };
  if (type.flags & ts.TypeFlags.NumberLike) return { type: 'number' };
  if (type.flags & ts.TypeFlags.StringLike) return { type: 'string' };
  if (type.flags & ts.TypeFlags.Object || type.isIntersection()) return objectOf(type);
  throw new Error(`There is no schema for ${checker.typeToString(type)}`);
}

/** @param {ts.Symbol} symbol */
function described(symbol) {
  const description = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  return description === '' ? {} : { description };
}
