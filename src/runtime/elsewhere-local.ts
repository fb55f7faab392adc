import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerAnswer } from '#failover/site-facts';
import type { Control } from '#model/failover-site';
import type { Connection } from '#model/postgres-source';
import type { Environment } from '#runtime/environment';
import { type LocalCluster, lookAtCluster } from '#runtime/local-cluster';
import { isHere, leadsTo } from '#runtime/own-addresses';
import { configuredPlace, type ServedPlace } from '#runtime/served-place';

interface Compared {
  connection: Connection;
  said: ServerAnswer;
  environment: Environment;
  signal: AbortSignal;
}

/**
 * By what it is seen that the server of a data directory is not the one of a connection; undefined: nothing speaks against it. A
 * server that answers says itself where its data lies. For one that is silent, or may not say it, the place where the
 * one of the data directory listens (postmaster.pid), or would (its settings), has to be the connection's.
 */
export async function leadsElsewhere(
  control: Extract<Control, { kind: 'local' }>,
  { connection, said, environment, signal }: Compared,
): Promise<string | undefined> {
  const { dataDir } = control;
  if (said.state === 'answers' && said.dataDir !== undefined)
    return (await isSame(said.dataDir, dataDir))
      ? undefined
      : `${dataDir}, and the server has its data in ${said.dataDir}`;
  const cluster = await lookAtCluster(dataDir).catch(() => undefined);
  if (!cluster || cluster.hidden) return undefined;
  const running = runningPlace(cluster);
  if (running && (await serves(running, connection, cluster)) !== false) return undefined;
  const found = `${dataDir}, whose server`;
  if (running && running.port !== connection.port) return `${found} listens ${placeWords(running)}`;
  // postmaster.pid has the first of its folders and addresses alone
  const asked = { control, major: cluster.control.majorVersion, environment, signal };
  const configured = await configuredPlace(asked);
  if (!configured || (await serves(configured, connection, cluster)) !== false) return undefined;
  return `${found} ${running ? 'listens' : 'is to listen'} ${placeWords(configured)}`;
}

/** Where one of the two cannot be looked at, nothing speaks against it. */
async function isSame(told: string, dataDir: string): Promise<boolean> {
  const real = (path: string) => realpath(path).catch((error: NodeJS.ErrnoException) => error.code);
  const [theirs, own] = await Promise.all([real(told), real(dataDir)]);
  return theirs === own || theirs === 'EACCES' || own === 'EACCES' || own === 'ENOENT';
}

function runningPlace({ postmaster }: LocalCluster): ServedPlace | undefined {
  if (!postmaster || !(postmaster.status === 'ready' || postmaster.status === 'standby')) return undefined;
  const { port, socketFolder, address } = postmaster.listens;
  const listed = (one: string) => (one === '' ? [] : [one]);
  return { port, socketFolders: listed(socketFolder), addresses: listed(address) };
}

/** Whether a connection leads to a server that listens there; undefined: that cannot be told from here. */
async function serves(
  place: ServedPlace,
  { host, port }: Connection,
  { postmaster }: LocalCluster,
): Promise<boolean | undefined> {
  if (!host.startsWith('/')) {
    if (!(await isHere(host))) return undefined;
    return place.port === port && (await leadsTo(host, place.addresses));
  }
  if (place.port !== port) return false;
  for (const folder of place.socketFolders) if (await isSame(folder, host)) return true;
  const lock = await readFile(join(host, `.s.PGSQL.${port}.lock`), 'utf8').catch(() => '');
  return postmaster !== undefined && Number.parseInt(lock, 10) === postmaster.pid;
}

const placeWords = ({ port, socketFolders, addresses }: ServedPlace): string =>
  `at port ${port} of ${[...socketFolders, ...addresses].join(', ') || 'nothing'}`;
