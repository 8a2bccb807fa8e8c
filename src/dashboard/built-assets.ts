import type { Assets } from './assets.js';

/** Placeholder for the page: `scripts/build-page.mjs` replaces this module in the build. */
export const BUILT_ASSETS: Assets = {
  'index.html':
    '<!doctype html><meta charset="utf-8"><title>Rate monitor</title><link rel="stylesheet" href="app.css"><script type="module" src="app.js"></script><p>The page is not built: run <code>npm run build:page</code>. The JSON is at <a href="api/overview">api/overview</a>.',
  'app.js': '',
  'app.css': '',
};
