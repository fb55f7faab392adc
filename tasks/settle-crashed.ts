import { RebuildFailed } from '#failover/failures';
import type { Account } from '#postgres/server-process';
import { PrivateServer } from '#recovery/private-server';
import type { Environment } from '#runtime/environment';
import { lastTrouble } from './last-trouble.ts';

export interface CrashedCluster {
  binDir: string;
  dataDir: string;
  /** where that is not in the data directory */
  configFile: string | undefined;
  account: Account | undefined;
  environment: Environment;
  signal: AbortSignal;
  onLog(line: string): void;
}

/** Its name on the command line meanwhile: postmaster.opts with this is not the server's own. */
export const settlesCrashed = 'lifeboat settles it';

/**
 * Let a server that crashed replay what it wrote last, so that its files say where they end. pg_rewind would do it in single-user
 * mode, which refuses a standby ("standby mode is not supported by single-user servers", xlogrecovery.c), and without
 * standby.signal anybody could start a primary in that moment. So it is started as the standby that it is fenced to be: with
 * nobody to follow it stands still at the end of its own WAL, writes none, and takes no connections; there it is stopped.
 * @throws RebuildFailed when it does not get there
 */
export async function settleCrashed(cluster: CrashedCluster): Promise<void> {
  const { signal, dataDir } = cluster;
  const there = Promise.withResolvers<void>();
  const server = await PrivateServer.start({
    binDir: cluster.binDir,
    dataDir,
    ...(cluster.account ? { account: cluster.account } : {}),
    environment: cluster.environment,
    superuser: 'nobody asks it anything',
    settings: {
      ...(cluster.configFile === undefined ? {} : { config_file: cluster.configFile }),
      primary_conninfo: '',
      restore_command: '',
      hot_standby: 'off',
      cluster_name: settlesCrashed,
      external_pid_file: '',
      log_min_messages: 'info',
    },
    onLog(line) {
      if (/consistent recovery state reached at/.test(line)) there.resolve();
      cluster.onLog(line);
    },
  });
  const interrupted = () => there.reject(signal.reason);
  signal.addEventListener('abort', interrupted, { once: true });
  try {
    const ended = server.ended.then(({ lastLines }) => {
      throw notSettled(dataDir, lastTrouble(lastLines));
    });
    await Promise.race([there.promise, ended]);
    ended.catch(() => undefined); // from here on we stop it
  } finally {
    signal.removeEventListener('abort', interrupted);
    await server.stop('fast');
  }
}

const notSettled = (dataDir: string, said: string): RebuildFailed =>
  new RebuildFailed(`the server in ${dataDir} cannot replay what it wrote last: ${said}`, {
    operation: 'rebuild standby',
    subject: dataDir,
    hint: 'look into its log; its files are as the crash left them',
  });
