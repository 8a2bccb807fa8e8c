// Lets a process of its own run the suite's TypeScript as jest does.
const Module = require('node:module');
const { readFileSync } = require('node:fs');
const { transformSync } = require('@swc/core');

const [, swc] = require('../../jest.config.js').transform['^.+\\.[jt]s$'];
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, parent, ...rest) {
  const isOurs = parent?.filename?.endsWith('.ts') && /^\.{1,2}\//.test(request);
  return resolve.call(this, isOurs ? request.replace(/\.js$/, '.ts') : request, parent, ...rest);
};
require.extensions['.ts'] = (module, filename) =>
  module._compile(transformSync(readFileSync(filename, 'utf8'), { ...swc, filename, swcrc: false }).code, filename);
