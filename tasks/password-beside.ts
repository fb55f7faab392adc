import { chownSync, writeFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { InputInvalid } from '#model/failure';
import type { Connection } from '#model/postgres-source';
import type { Account } from '#postgres/server-process';
import type { Environment } from '#runtime/environment';
import { readPasswordFile } from '#runtime/password-file';
import { resolveSecret } from '#runtime/resolve-secret';
import { replaceDurably } from './durably.ts';

export interface ConnectionFiles {
  passwordFile: string;
  authorities?: string;
}

/**
 * What a standby needs to reach its primary and must not stand in its settings: files beside its data directory, its account's
 * alone. Not in it, since a backup copies all that is there.
 * @throws InputInvalid for a secret that is missing, or that no password file can hold
 */
export async function writeConnectionFiles(
  primary: Connection,
  dataDir: string,
  { environment, account }: { environment: Environment; account: Account | undefined },
): Promise<ConnectionFiles> {
  const passwordFile = `${dataDir}.pgpass`;
  const password = await passwordOf(primary, environment);
  replaceDurably(
    passwordFile,
    password === undefined ? '' : `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`,
    account,
  );
  if (primary.sslmode !== 'verify-full' || primary.sslrootcert !== undefined) return { passwordFile };
  const authorities = `${dataDir}.authorities.crt`; // libpq has no list of its own before 16
  writeFileSync(authorities, rootCertificates.join('\n'), { mode: 0o600 });
  if (account) chownSync(authorities, account.uid, account.gid);
  return { passwordFile, authorities };
}

async function passwordOf(primary: Connection, environment: Environment): Promise<string | undefined> {
  const field = 'connection.password';
  const { password } = primary;
  const found = password
    ? await resolveSecret(password, environment, field)
    : await readPasswordFile(primary, environment);
  if (found !== undefined && /[\r\n\0]/.test(found))
    throw new InputInvalid(field, '(not shown)', 'one line, which a password file can hold');
  return found;
}
