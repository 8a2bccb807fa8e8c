// @ts-check
// Compares the public API with the reports in etc/, one for each entry point, so that a review shows what changes; --write writes them.
// Fails if something public has no TSDoc.
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';

import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const localBuild = process.argv.includes('--write');
const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'));

for (const [path, { require: entryPoint }] of Object.entries(exports)) {
  if (!entryPoint) continue;
  const report = path === '.' ? name : `${name}-${basename(path)}`;
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: resolve('package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: resolve('.'),
      mainEntryPointFilePath: resolve(entryPoint.types),
      compiler: { tsconfigFilePath: resolve('tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${report}.api.md`,
        reportFolder: resolve('etc'),
        reportTempFolder: resolve('node_modules/.cache/api'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        // What is exported and not @internal is public, so missing release tags and types that users need not name are not errors.
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          'ae-unresolved-link': { logLevel: ExtractorLogLevel.Error },
          'ae-unresolved-inheritdoc-reference': { logLevel: ExtractorLogLevel.Error },
          'ae-undocumented': { logLevel: ExtractorLogLevel.Error },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
      },
    },
  });
  const { succeeded, apiReportChanged } = Extractor.invoke(config, {
    localBuild,
    messageCallback: (message) => {
      if (message.logLevel !== 'error') message.handled = true;
    },
  });
  if (succeeded && (localBuild || !apiReportChanged)) continue;
  console.error(`etc/${report}.api.md is not the API of this build: npm run api writes it, for review`);
  process.exitCode = 1;
}
