import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Are they one folder, or one in the other, whatever links lead there? What is not there yet counts as it will be. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [realPlace(one), realPlace(other)];
  return isWithin(a, b) || isWithin(b, a);
}

function realPlace(place: string): string {
  return realPath(place) ?? join(realPlace(dirname(place)), basename(place));
}

/** undefined when there is nothing */
export function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

const isWithin = (folder: string, path: string): boolean => path === folder || path.startsWith(join(folder, '/'));
