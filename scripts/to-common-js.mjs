// The CommonJS twin of an ES module: all but its imports and exports stays as it is, so that the two pack to little more than one.
import { parseAst } from 'rollup/parseAst';

export function toCommonJs(code) {
  let done = 0;
  let result = '"use strict";Object.defineProperty(exports,"__esModule",{value:true});';
  for (const node of parseAst(code).body) {
    if (!/^(Import|Export)/.test(node.type)) continue;
    result += code.slice(done, node.start) + statement(node);
    done = node.end;
  }
  // A native import() would load a second copy of what the app requires.
  return (result + code.slice(done)).replace(/\bimport\(("[^"]+")\)/g, 'Promise.resolve().then(()=>require($1))');
}

function statement({ type, source, specifiers }) {
  const required = source && `require(${JSON.stringify(source.value)})`;
  const [first] = specifiers ?? [];
  if (type === 'ExportNamedDeclaration' && first)
    return specifiers
      .map(({ local, exported }) => `exports.${exported.name}=${source ? `${required}.` : ''}${local.name};`)
      .join('');
  if (type === 'ImportDeclaration' && !first) return `${required};`;
  if (type === 'ImportDeclaration' && specifiers.every(({ imported }) => imported))
    return `const{${specifiers.map(({ imported, local }) => `${imported.name}:${local.name}`).join()}}=${required};`;
  throw new Error(`no CommonJS for this ${type} yet: write it in another way, or add it to scripts/to-common-js.mjs`);
}
