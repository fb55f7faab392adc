import { type ListedSnapshot, readManaged, type WatchedDatabase } from '#catalog/managed';
import { lastDump } from '#cli/last-dump';
import type { DatabaseReport, Problem } from '#cli/status-report';
import { formatDuration } from '#model/duration';
import type { ManagedSource } from '#model/managed-source';
import type { Stack } from '#runtime/stack';
import type { ObjectStore } from '#store/object-store';

export interface AskedManaged {
  store: ObjectStore;
  stack: Stack | undefined;
  now: Date;
}

/** Everything about a database that RDS runs, as the watch last saw it: RDS itself is asked by no command. */
export async function askManaged(
  { name, database, tier }: ManagedSource,
  { store, stack, now }: AskedManaged,
): Promise<{ report: DatabaseReport; problems: Problem[] }> {
  const [watched, dump] = await Promise.all([readManaged(store, name), lastDump(store, name)]);
  const report: DatabaseReport = {
    ...{ name, kind: 'rds', database: `${database.type} ${database.id}`, tier, dump },
    status: watched?.status ?? undefined,
    engineVersion: watched?.engineVersion ?? undefined,
    window: watched?.window ? { ...watched.window, count: 1 } : undefined,
    rpo: watched && { lossMs: watched.lossMs, reason: watched.reason, at: watched.at },
    snapshots: countSnapshots(watched?.snapshots ?? []),
  };
  return {
    report,
    problems: watched ? [...watched.findings, ...old(name, watched, stack, now)] : [never(name, stack)],
  };
}

function countSnapshots(listed: readonly ListedSnapshot[]): DatabaseReport['snapshots'] {
  const there = listed.filter(({ status }) => status === 'available');
  const count = (which: (one: ListedSnapshot) => boolean) => there.filter(which).length;
  return {
    own: count(({ own }) => own),
    automated: count(({ type }) => type === 'automated'),
    others: count(({ own, type }) => !own && type !== 'automated'),
    copied: count(({ copiedTo }) => copiedTo !== null),
    newest: there.at(-1)?.createdAt ?? undefined,
  };
}

/** A watch that has not looked for so long does not run. */
const oldLookMs = 180_000;

function old(source: string, { at, unanswered }: WatchedDatabase, stack: Stack | undefined, now: Date): Problem[] {
  const ageMs = now.getTime() - Date.parse(at);
  if (ageMs > oldLookMs)
    return [{ source, what: `the last look at RDS is ${formatDuration(ageMs)} old`, since: at, todo: todoOf(stack) }];
  // what may be over in a minute wakes nobody; who asks now is told now
  return unanswered
    ? [{ source, what: `RDS does not answer: ${unanswered.why}`, since: unanswered.since, todo: todoOf(stack) }]
    : [];
}

const never = (source: string, stack: Stack | undefined): Problem => ({
  ...{ source, what: 'nobody has asked RDS about it yet', since: null, todo: todoOf(stack) },
});

const todoOf = (stack: Stack | undefined): string =>
  stack
    ? `look at the log of its function: /aws/lambda/${stack.functionPrefix}watch-managed`
    : 'start `lifeboat up`, or look at its log';
