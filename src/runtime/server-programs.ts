import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Environment } from '#runtime/environment';

/** Where packages put the server of a major version; else the first `postgres` in PATH, whatever it is. */
export function findServerPrograms(major: number, { PATH = '' }: Environment): string | undefined {
  const places = [...packagedPrograms(major), ...PATH.split(delimiter)];
  return places.find((place) => place !== '' && existsSync(join(place, 'postgres')));
}

/** The folders that packages put the programs of a major version into, whether or not they are there. */
export const packagedPrograms = (major: number): string[] => [
  `/usr/lib/postgresql/${major}/bin`, // Debian, Ubuntu
  `/usr/pgsql-${major}/bin`, // the PostgreSQL project's RPMs
  `/usr/lib/postgresql${major}/bin`, // SUSE
  `/usr/libexec/postgresql${major}`, // Alpine
  `/opt/homebrew/opt/postgresql@${major}/bin`,
];
