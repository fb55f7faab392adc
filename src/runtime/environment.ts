import { homedir } from 'node:os';
import { resolve } from 'node:path';

/** The variables that we were started with. They are read at the edge and passed on, so that tests can say what they are. */
export type Environment = Readonly<Record<string, string | undefined>>;

export const homeFolder = (environment: Environment): string => environment.HOME || homedir();

/** An absolute path: `~/` is the home folder, anything else that is relative is relative to `folder`. */
export function resolvePath(path: string, folder: string, environment: Environment): string {
  if (path === '~' || path.startsWith('~/')) return resolve(homeFolder(environment), path.slice(2));
  return resolve(folder, path);
}
