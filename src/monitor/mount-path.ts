/** What is used of an Express app that may be mounted in another. */
interface MountedApp {
  mountpath?: unknown;
  parent?: MountedApp | undefined;
}

/** Stands for a mount path that is not known as a pattern. */
const UNKNOWN = '/*';
const LITERAL = /^[\w.~%-]*$/;

/**
 * The pattern that an Express app is mounted under, `/t/:token`. The request itself holds what was requested, `/t/secret`: of that nothing
 * may be shown. An app that is mounted on a router does not know its pattern.
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

/** Whether the pattern may be that of what was requested: part by part, the same or a parameter. */
function fits(pattern: string, requested: string): boolean {
  const parts = pattern.split('/');
  const found = requested.split('/');
  return (
    parts.length === found.length &&
    parts.every((part, i) => !LITERAL.test(part) || part.toLowerCase() === found[i]?.toLowerCase())
  );
}
