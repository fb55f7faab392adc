import { dumpedSources } from '#model/choose-dumped';
import { InputInvalid } from '#model/failure';
import { isMultiRegionKey, parseKmsArn } from '#model/kms-arn';
import { ofTheStack, type Plan } from '#model/plan';
import type { StorageRules } from '#model/storage-rules';
import { coldTier, tierTag } from '#model/storage-tier';
import { tokenReaders } from '#stack/token-readers';

/** What src/store/bucket.yml and src/pipeline/keys.yml ask for. @throws InputInvalid for what no bucket can have */
export function storageOfPlan(
  plan: Plan,
  { stage, primaryBackupKeyArn }: { stage: string; primaryBackupKeyArn: string },
) {
  const { storage } = plan;
  if (stage !== stage.toLowerCase())
    throw new InputInvalid('stage', stage, 'no capital letters, since it is in the name of the bucket');
  const primary = primaryBackupKeyArn === '' ? undefined : parseKmsArn(primaryBackupKeyArn);
  if (primaryBackupKeyArn !== '' && !(primary && isMultiRegionKey(primary))) {
    const allowed = 'the BackupKeyArn that the first stack says, of a multi-Region key (key/mrk-…)';
    throw new InputInvalid('primaryBackupKeyArn', primaryBackupKeyArn, allowed);
  }
  return {
    lock: lockOf(storage),
    lifecycle: lifecycleOf(plan),
    backupKey: primary ? 'replica' : 'primary',
    evidenceKey: signsItself(plan) ? 'stack' : 'none',
    tokenReaders: tokenReaders(plan),
  };
}

const signsItself = ({ evidence }: Plan): boolean =>
  evidence !== undefined && 'kmsKey' in evidence.signer && evidence.signer.kmsKey === ofTheStack;

function lockOf({ lock }: StorageRules) {
  const retention = { Mode: lock.mode.toUpperCase(), Days: lock.days };
  return { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: retention } };
}

/**
 * What S3 does by age alone. It moves parts of backups and dumps and whole segments of WAL to cheaper classes and clears away what is no backup, or no longer one:
 * what was overwritten or deleted goes as many days later as the lock has, for so long both can be undone. It never lets a backup
 * expire: whether one may go is known to retention, which looks at proofs.
 */
function lifecycleOf(plan: Plan) {
  const { lock, tiers } = plan.storage;
  const transitions = transitionsOf(tiers);
  const cold = transitions.length === 0 ? [] : coldFolders(plan).map((folder) => coldRule(folder, transitions));
  const Rules = [
    rule('abandoned-uploads', { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }),
    rule('overwritten-and-deleted', {
      NoncurrentVersionExpiration: { NoncurrentDays: lock.days },
      ExpiredObjectDeleteMarker: true,
    }),
    ...['approval-tokens/', 'executions/', 'notices/'].map((folder) =>
      rule(`records-${folder.slice(0, -1)}`, {
        Prefix: folder,
        ExpirationInDays: Math.max(recordDays, lock.days),
      }),
    ),
    ...cold,
  ];
  if (Rules.length <= mostRules) return { Rules, TransitionDefaultMinimumObjectSize: transitionMinimum };
  const most = mostRules - (Rules.length - cold.length);
  throw new InputInvalid(
    'sources',
    `${dumpedSources(plan).length} that make ${cold.length} lifecycle rules`,
    `at most ${most} rules where storage.tiers are given, since a bucket takes ${mostRules}: one for a source's backups, one for its WAL, and one for its dumps where schedules.dump has some taken`,
    'share the sources out over several plans and stacks',
  );
}

/** As long as Step Functions keeps executions: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html */
const recordDays = 90;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html */
const mostRules = 1_000;

/**
 * Chunks of WAL and other small objects stay where they are: moving one costs more than it would ever save.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
 */
const transitionMinimum = 'all_storage_classes_128K';

interface Transition {
  StorageClass: 'STANDARD_IA' | 'GLACIER' | 'DEEP_ARCHIVE';
  TransitionInDays: number;
}

function transitionsOf({ infrequentAccess, glacier, deepArchive }: StorageRules['tiers']): Transition[] {
  const at = (StorageClass: Transition['StorageClass'], days: number | undefined) =>
    days === undefined ? [] : [{ StorageClass, TransitionInDays: days }];
  return [...at('STANDARD_IA', infrequentAccess), ...at('GLACIER', glacier), ...at('DEEP_ARCHIVE', deepArchive)];
}

/** Of dumps where a schedule takes them: there are as many rules as a bucket takes, and some dumps that a person took stay where they are. */
const coldFolders = ({ sources, managed }: Plan): { source: string; folder: string }[] => [
  ...sources.flatMap(({ name }) => ['backups', 'wal'].map((folder) => ({ source: name, folder }))),
  ...[...sources, ...managed].flatMap(({ name, schedules }) =>
    schedules.dump === undefined ? [] : [{ source: name, folder: 'dumps' }],
  ),
];

const coldRule = ({ source, folder }: { source: string; folder: string }, Transitions: Transition[]) =>
  rule(`cold-${source}-${folder}`, {
    Prefix: `${source}/${folder}/`,
    TagFilters: [{ Key: tierTag, Value: coldTier }],
    Transitions,
  });

const rule = <T extends object>(Id: string, does: T) => ({ Id, Status: 'Enabled', ...does });
