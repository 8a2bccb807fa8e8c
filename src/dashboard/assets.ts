/** The files of the page, by name. */
export interface Assets {
  readonly 'index.html': string;
  readonly 'app.js': string;
  readonly 'app.css': string;
}

/** Where the page's files are. A test may put others in their place with `overrideProvider`. */
export const ASSETS = Symbol.for('nestjs-rate-monitor:dashboard-assets');
