/** The files of the page, by name. */
export interface Assets {
  readonly 'index.html': string;
  readonly 'app.js': string;
  readonly 'app.css': string;
}

/** Where the page's files are. A test may put others in their place with `overrideProvider`. */
export const ASSETS = Symbol.for('nestjs-rate-monitor:dashboard-assets');

/** The page as it is in the sources: building the package puts the real one here. */
export const BUILT_ASSETS: Assets = {
  'index.html':
    '<!doctype html><meta charset="utf-8"><title>Rate monitor</title><link rel="stylesheet" href="app.css"><script type="module" src="app.js"></script><p>The page is not built: run <code>npm run build:page</code>. The JSON is at <a href="api/overview">api/overview</a>.',
  'app.js': '',
  'app.css': '',
};
