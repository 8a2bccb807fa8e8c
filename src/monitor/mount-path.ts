/** The part of an Express app used here. It may be mounted in another app. */
interface MountedApp {
  mountpath?: unknown;
  parent?: MountedApp | undefined;
}

/** Stands for a mount path whose pattern is unknown. */
const UNKNOWN = '/*';
const LITERAL = /^[\w.~%-]*$/;

/**
 * The pattern that an Express app is mounted at, such as `/t/:token`. The request has only the actual path, such as `/t/secret`, which must
 * never be shown. An app mounted on a router does not know its pattern.
 */
export function mountPathOf({ baseUrl = '', app }: { baseUrl?: string; app?: MountedApp }): string {
  if (baseUrl === '') return '';
  let patterns = [''];
  for (let at = app; at?.parent; at = at.parent) {
    const mounted = [at.mountpath].flat().filter((path) => typeof path === 'string');
    patterns = mounted.flatMap((path) => patterns.map((rest) => (path === '/' ? '' : path) + rest));
  }
  return patterns.find((pattern) => fits(pattern, baseUrl)) ?? UNKNOWN;
}

/** Whether the pattern can match the requested path: each part is equal or a parameter. */
function fits(pattern: string, requested: string): boolean {
  const parts = pattern.split('/');
  const found = requested.split('/');
  return (
    parts.length === found.length &&
    parts.every((part, i) => !LITERAL.test(part) || part.toLowerCase() === found[i]?.toLowerCase())
  );
}
