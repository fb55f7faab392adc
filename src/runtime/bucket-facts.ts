import { committedBackups, knownBackups } from '#catalog/backups';
import { readExposure } from '#catalog/exposure';
import { readStanding } from '#catalog/standing';
import { followStoredWal } from '#catalog/stored-wal';
import type { BucketFacts, CopyFacts, MoveFacts, ReplicationFacts } from '#failover/move-facts';
import type { BackupId } from '#model/backup-id';
import { ServerUnsuitable } from '#model/failure';
import { parseLsn } from '#model/lsn';
import { startLsn } from '#model/manifest';
import { isS3Url, type Plan } from '#model/plan';
import type { Environment } from '#runtime/environment';
import { manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** How far a source's WAL is stored: what the watch has seen, and what has come since. */
export async function bucketFacts(store: ObjectStore, source: string): Promise<BucketFacts> {
  const [backups, exposure] = await Promise.all([knownBackups(store, source), readExposure(store, source)]);
  const newest = backups.at(-1);
  const seen = exposure?.stored ?? null;
  const last = seen?.timelines.findLast(({ stretches }) => stretches.length > 0)?.stretches.at(-1);
  const system = seen ?? newest?.server;
  const from = last ? parseLsn(last.end) : newest && startLsn(newest);
  const none = { backups: backups.length, systemId: system?.systemId ?? null, timeline: null, end: null, at: null };
  if (!system || from === undefined) return none;
  const { systemId, segmentSize } = system;
  const stored = await followStoredWal(store, seen, { source, systemId, segmentSize, from });
  const reached = (stored.timelines.some(({ stretches }) => stretches.length > 0) ? stored : seen)?.timelines.findLast(
    ({ stretches }) => stretches.length > 0,
  );
  const at = exposure?.verified?.systemId === systemId ? new Date(exposure.verified.asOf) : null;
  return {
    ...{ ...none, at, timeline: reached?.timeline ?? null },
    end: reached ? parseLsn(reached.stretches.at(-1)!.end) : null,
  };
}

type ProvenBackup = Extract<MoveFacts['proof'], { known: true }>['value'];

/** The newest backup that a drill has proven; null: there is none. */
export async function provenBackup(store: ObjectStore, source: string): Promise<ProvenBackup> {
  const { backups } = await readStanding(store, source);
  const proven = backups.filter(({ state, since }) => state === 'proven' && since !== null);
  const newest = proven.sort((a, b) => Date.parse(a.since!) - Date.parse(b.since!)).at(-1);
  return newest ? { backup: newest.backup, at: new Date(newest.since!) } : null;
}

export interface CopiedBucket {
  plan: Pick<Plan, 'aws' | 'bucket'>;
  store: ObjectStore;
  environment: Environment;
  /** the other region's bucket, instead of by the SDK */
  open?: (url: string, environment: Environment) => Promise<ObjectStore>;
}

/**
 * What the bucket of this region has of a source's backups, and that of the other one; null: the plan has no other one. The
 * stack's bucket is `<stack>-<account>-<region>` in each region: src/store/bucket.yml
 */
export async function replicationFacts(
  { plan, store, environment, open }: CopiedBucket,
  source: string,
): Promise<ReplicationFacts | null> {
  const { region, recoveryRegion } = plan.aws ?? {};
  const here = environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION;
  if (recoveryRegion === undefined || !isS3Url(plan.bucket) || here === undefined) return null;
  const there = here === region ? recoveryRegion : region!;
  const other = plan.bucket.replace(new RegExp(`^(s3://[^/]+-)${here}(?=/|$)`), `$1${there}`);
  if (other === plan.bucket)
    throw new ServerUnsuitable(`the name of ${plan.bucket} does not tell which bucket is its copy in ${there}`, {
      operation: 'compare buckets',
      subject: plan.bucket,
    });
  const openCopy = open ?? (await import('#runtime/open-store')).openStore;
  const copy = await openCopy(other, { ...environment, AWS_REGION: there, AWS_DEFAULT_REGION: there });
  const ids = (await committedBackups(store, source)).map(({ backup }) => backup);
  return { here: factsOf(here, ids), there: factsOf(there, await copiedOf(copy, source, ids)) };
}

const factsOf = (region: string, ids: readonly string[]): CopyFacts => ({
  region,
  manifests: ids.length,
  newest: ids.at(-1) ?? null,
});

const atOnce = 32;

/** A catalog is copied like everything else, so only a manifest says that a backup is there. */
async function copiedOf(copy: ObjectStore, source: string, ids: readonly BackupId[]): Promise<BackupId[]> {
  const found: BackupId[] = [];
  for (let first = 0; first < ids.length; first += atOnce) {
    const some = ids.slice(first, first + atOnce);
    const there = await Promise.all(some.map((id) => copy.head(manifestKey(source, id))));
    found.push(...some.filter((_, index) => there[index]));
  }
  return found;
}
