import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { RestoreFailed } from '#model/failure';
import type { Manifest } from '#model/manifest';
import { segmentAt, segmentName } from '#model/wal-segment';
import type { Account } from '#postgres/server-process';
import type { RecoveryPlan } from '#recovery/recovery-plan';

/**
 * Fetch the first segment that a replay will want, as the account that the server will run under: whether it may read
 * the plan, the key and the bucket shows here, and not when the cluster is half restored. `backup` is the plan's newest.
 * @throws RestoreFailed with what the command said
 */
export async function tryFetch(
  words: readonly string[],
  plan: RecoveryPlan,
  backup: Manifest,
  account: Account | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lifeboat-fetch-'));
  try {
    if (account) chownSync(folder, account.uid, account.gid);
    const { segmentSize } = backup.server;
    // On the backup's own timeline: a newer one that the plan follows may begin later, and PostgreSQL knows that.
    const file = segmentName(segmentAt(backup.start.timeline, plan.wal.from, segmentSize), segmentSize);
    const [program, ...args] = words;
    const more = ['--no-prefetch', '--system-id', plan.systemId, file, join(folder, file)];
    const child = spawn(program!, [...args, ...more], {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...account,
    });
    const said = await failureOf(child);
    if (said === undefined) return;
    throw new RestoreFailed(`WAL cannot be fetched the way the restored server would: ${firstLine(said)}`, {
      operation: 'restore',
      subject: file,
      hint: (mayNotRead.test(said) ? undefined : hintOf(said)) ?? accessHint(account),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the command says when it fails; undefined when it does not. */
async function failureOf(child: ChildProcessByStdio<null, null, Readable>): Promise<string | undefined> {
  try {
    const [chunks, [code]] = await Promise.all([child.stderr.toArray(), once(child, 'close')]);
    // 1: this timeline has no such segment; the plan knows that an older one has
    return code === 0 || code === 1 ? undefined : Buffer.concat(chunks as Buffer[]).toString();
  } catch (error) {
    return (error as Error).message; // it could not even be started
  }
}

const mayNotRead = /\b(EACCES|EPERM)\b/;

const hintOf = (said: string): string | undefined => /^HINT: (.*)$/m.exec(said)?.[1];

const accessHint = (account: Account | undefined): string =>
  account
    ? `lifeboat itself, the plan, the key file and the bucket must be readable for user id ${account.uid}, which runs the server`
    : 'see what `lifeboat wal-fetch` says for this file';

const firstLine = (text: string): string => text.split('\n', 1)[0]!.replace(/^lifeboat: /, '');
