import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The name in the app's package.json, read from the working directory; undefined if there is none. */
export function appName(): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(process.cwd(), 'package.json'), 'utf8')) as { name?: unknown };
    return typeof name === 'string' && name !== '' ? name.slice(0, 100) : undefined;
  } catch {
    return undefined;
  }
}
