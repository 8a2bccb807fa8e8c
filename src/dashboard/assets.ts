/** The files of the page, by name. */
export interface Assets {
  readonly 'index.html': string;
  readonly 'app.js': string;
  readonly 'app.css': string;
}

/** The page's files; a token, so that a test can replace them with `overrideProvider`. */
export const ASSETS = Symbol.for('nestjs-rate-monitor:dashboard-assets');
