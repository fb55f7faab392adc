import { RestoreFailed } from '#model/failure';
import { formatLsn } from '#model/lsn';
import type { Manifest } from '#model/manifest';
import type { PostgresSource } from '#model/postgres-source';
import type { PreparedPlan } from '#recovery/prepare-plan';
import { shellCommand } from '#recovery/settings';
import { tryFetch } from '#recovery/try-fetch';
import type { Environment } from '#runtime/environment';
import { findServerPrograms } from '#runtime/server-programs';
import { cores, lifeboatWords } from '#runtime/this-process';
import type { RestoreWork } from './restore.ts';

type Given = 'vault' | 'location' | 'chain' | 'layout' | 'setAside' | 'binDir' | 'settings' | 'now' | 'signal';
type Told = 'requestedBy' | 'approvedBy' | 'execution' | 'onProgress' | 'onLog';

export interface SourceRestore extends Pick<RestoreWork, Given | Told>, Pick<Partial<RestoreWork>, 'clock'> {
  source: PostgresSource;
  prepared: Pick<PreparedPlan, 'plan' | 'hash'>;
  /** absolute */
  planPath: string;
  environment: Environment;
  account: RestoreWork['account'] | undefined;
}

/** The restore of one of the plan's sources: its WAL is fetched by `lifeboat wal-fetch`, its checks are asked. */
export function restoreWork({ source, prepared, planPath, account, ...rest }: SourceRestore): RestoreWork {
  const { plan, hash } = prepared;
  const words = fetchWords(prepared, planPath);
  const newest: Manifest = rest.chain.at(-1)!;
  return {
    ...rest,
    plan,
    planHash: hash,
    ...(account ? { account } : {}),
    restoreCommand: shellCommand(words, '%f %p'),
    checkFetch: () => tryFetch(words, plan, newest, account, rest.environment),
    checks: source.checks,
    workers: cores(),
  };
}

/** What PostgreSQL runs for each WAL file that it wants, without the file's name and place. */
function fetchWords({ plan: { source, wal } }: SourceRestore['prepared'], planPath: string): string[] {
  return [...lifeboatWords(), 'wal-fetch', '--plan', planPath, '--source', source, '--until', formatLsn(wal.until)];
}

/** The folder of the server programs: the one that is given, else where packages put them. @throws RestoreFailed */
export function serverPrograms(major: number, given: string | undefined, environment: Environment): string {
  const binDir = given ?? findServerPrograms(major, environment);
  if (binDir !== undefined) return binDir;
  throw new RestoreFailed(`there is no server of PostgreSQL ${major} on this machine`, {
    operation: 'restore',
    subject: `PostgreSQL ${major}`,
    hint:
      'install it, or name its folder (--bin-dir, for tasks LIFEBOAT_BIN_DIR); ' +
      'with --no-start, files and settings only are laid down',
  });
}
