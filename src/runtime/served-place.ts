import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Control } from '#model/failover-site';
import type { Environment } from '#runtime/environment';
import { ownerOf } from '#runtime/owner-of';
import { serverAccount } from '#runtime/server-account';
import { findServerPrograms } from '#runtime/server-programs';
import { startArguments } from '#runtime/start-arguments';

/** Where a server listens. */
export interface ServedPlace {
  port: number;
  /** none: it has no sockets */
  socketFolders: string[];
  /** as in listen_addresses; none: it cannot be reached by the network */
  addresses: string[];
}

const askMs = 3_000;

/**
 * Where the server of a data directory listens once it is started as it was the last time, by what PostgreSQL itself reads in its
 * settings, includes and all; undefined where that cannot be asked.
 * Source: https://www.postgresql.org/docs/current/app-postgres.html, -C
 */
export async function configuredPlace(asked: {
  control: Extract<Control, { kind: 'local' }>;
  major: number;
  environment: Environment;
  signal: AbortSignal;
}): Promise<ServedPlace | undefined> {
  const { control, major, environment, signal } = asked;
  const { dataDir, runAs } = control;
  const binDir = control.binDir ?? findServerPrograms(major, environment);
  if (binDir === undefined) return undefined;
  try {
    const account = runAs === undefined ? await ownerOf(dataDir) : await serverAccount(runAs, 'control.runAs');
    const args = await startArguments(dataDir);
    const settingOf = async (name: string): Promise<string> => {
      const options = { ...account, cwd: '/', env: { LC_ALL: 'C' }, timeout: askMs, signal };
      return (await promisify(execFile)(join(binDir, 'postgres'), [...args, '-C', name], options)).stdout.trim();
    };
    const [port, folders, addresses] = await Promise.all(
      ['port', 'unix_socket_directories', 'listen_addresses'].map(settingOf),
    );
    return { port: Number(port), socketFolders: listOf(folders!), addresses: listOf(addresses!) };
  } catch {
    return undefined; // its settings are wrong, or not for us
  }
}

/** `a, "b c"` */
const listOf = (text: string): string[] =>
  [...text.matchAll(/"((?:[^"]|"")*)"|[^,\s][^,]*/g)].map(
    ([whole, quoted]) => quoted?.replaceAll('""', '"') ?? whole.trim(),
  );
