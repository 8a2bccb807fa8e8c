// Lets the e2e suite run as it is on the packed package: where a spec says `../../src/…` it finds a line that leads to the package.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Specs that need what the package does not export, each with the reason why it is not run here. */
const LEFT_OUT = {};

/** Of what the suite's support takes from the inside: a token that is public by its name. */
const INSIDE = {
  'src/counter/clock.ts':
    "export const CLOCK = Symbol.for('nestjs-rate-monitor:clock');\nexport interface Clock {\n  now(): number;\n}\n",
};

/** Puts the suite and the stand-ins into a consumer. */
export function bringSuite(to) {
  const standIns = { ...INSIDE, ...entryPoints() };
  for (const [file, text] of Object.entries(standIns)) {
    mkdirSync(join(to, dirname(file)), { recursive: true });
    writeFileSync(join(to, file), text);
  }
  // A spec holds what the docs say against what is.
  cpSync('docs', join(to, 'docs'), { recursive: true });
  cpSync('test/support', join(to, 'test/support'), { recursive: true });
  for (const spec of readdirSync('test/e2e')) {
    if (spec in LEFT_OUT) continue;
    const missing = importsOf(`test/e2e/${spec}`).find((file) => !(file in standIns));
    if (missing)
      throw new Error(
        `test/e2e/${spec} takes ${missing} from the inside: let it import the public API, or name it in LEFT_OUT of compat/stand-ins.mjs with the reason`,
      );
    cpSync(`test/e2e/${spec}`, join(to, 'test/e2e', spec));
  }
  for (const file of ['jest.config.js', 'tsconfig.json']) cpSync(file, join(to, file));
}

/** One line for each entry point of the package, where its source is in this repository. */
function entryPoints() {
  const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.fromEntries(
    Object.entries(exports)
      .filter(([, target]) => target.import)
      .map(([path, target]) => [
        target.import.default.replace('./dist/esm/', 'src/').replace(/\.js$/, '.ts'),
        `export * from '${name}${path.slice(1)}';\n`,
      ]),
  );
}

function importsOf(spec) {
  const found = readFileSync(spec, 'utf8').matchAll(/'\.\.\/\.\.\/(src\/[^']+)\.js'/g);
  return [...found].map(([, file]) => `${file}.ts`);
}
