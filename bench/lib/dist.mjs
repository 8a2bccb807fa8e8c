// @ts-check
/** A module of this package as it was built last. */
export const from = (/** @type {string} */ file) => import(new URL(`../../dist/esm/${file}`, import.meta.url).href);
