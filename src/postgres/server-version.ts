import type pg from 'pg';
import { ServerUnsuitable } from '#model/failure';

const oldestMajor = 15;

/** What the server says while it connects: answers its version from then on. `pg` knows it, and does not tell. */
export function watchVersion(client: pg.Client): () => string {
  let version = '';
  const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
  connection.on('parameterStatus', (status: { parameterName: string; parameterValue: string }) => {
    if (status.parameterName === 'server_version') version = status.parameterValue;
  });
  return () => version;
}

/** @throws ServerUnsuitable */
export function refuseOldServer(version: string, { host, port }: { host: string; port: number }): void {
  if (Number.parseInt(version, 10) >= oldestMajor) return;
  throw new ServerUnsuitable(`${host}:${port} runs PostgreSQL ${version}, expected ${oldestMajor} or newer`, {
    operation: 'connect',
    subject: `${host}:${port}`,
    hint: `BASE_BACKUP changed in ${oldestMajor}: upgrade the server, or back it up with pg_dump until then`,
  });
}
