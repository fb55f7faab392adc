import { type DumpSettings, dumpSettings } from '#model/dump-settings';
import { oneOf, section, text, wholeNumber } from '#model/plan-field';
import {
  type Connection,
  connection,
  schedule,
  type Tier,
  tier,
  windowMinutes,
  zoneName,
} from '#model/postgres-source';
import { type RetentionRules, retentionRules } from '#model/retention-rules';
import type { Schedule } from '#model/schedule';

/** A database that RDS runs: AWS takes its backups, the plan says when, where to, and what is promised. */
export interface ManagedSource {
  /** its key under `sources`, and its first path element in the bucket */
  name: string;
  kind: 'rds';
  database: ManagedDatabase;
  /** where each snapshot is copied to; its key is one of that region, and needed when the database is encrypted */
  copyTo?: { region: string; kmsKey?: string };
  /** for dumps; RDS itself is asked without it */
  connection?: Connection;
  /** of dumps: zstd */
  compressionLevel: number;
  dump: DumpSettings;
  /** of dumps and snapshots; absent: the plan's own, if it has some */
  retention?: RetentionRules;
  schedules: { snapshot?: Schedule; dump?: Schedule; retention?: Schedule; timezone: string; windowMinutes: number };
  tier?: Tier;
}

/** An instance, or an Aurora (or Multi-AZ) cluster, in the region of the stack: machines call RDS in no other. */
export interface ManagedDatabase {
  type: 'instance' | 'cluster';
  id: string;
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html */
export const databaseId = () =>
  text(
    '1 to 63 letters, digits or -, beginning with a letter, without two - side by side or one at the end',
    /^(?=.{1,63}$)[A-Za-z](?:-?[A-Za-z0-9])*$/,
  ).transform((id) => id.toLowerCase());

const copyTo = section({
  region: text('a region like eu-west-1', /^[a-z]{2}(?:-[a-z]+)+-\d$/),
  kmsKey: text(
    "a KMS key's ARN (not an alias's: rights are given for keys)",
    /^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]{1,256}$/,
  ).exactOptional(),
}).superRefine(({ region, kmsKey }, issues) => {
  if (kmsKey === undefined || kmsKey.split(':')[3] === region) return;
  issues.addIssue({ code: 'custom', path: ['kmsKey'], message: `a key in ${region}, where the copy is` });
});

/** A source without its name, which is its key in the plan. */
export const managedSource = section({
  kind: oneOf(['rds']),
  instance: databaseId().exactOptional(),
  cluster: databaseId().exactOptional(),
  copyTo: copyTo.exactOptional(),
  connection: connection.exactOptional(),
  compressionLevel: wholeNumber(1, 19).default(3),
  dump: dumpSettings,
  retention: retentionRules.exactOptional(),
  schedules: section({
    snapshot: schedule.exactOptional(),
    dump: schedule.exactOptional(),
    retention: schedule.exactOptional(),
    timezone: zoneName(),
    windowMinutes: windowMinutes(),
  }).prefault({}),
  tier: tier.exactOptional(),
})
  .superRefine(({ instance, cluster, connection, schedules }, issues) => {
    const refuse = (path: string[], message: string) => issues.addIssue({ code: 'custom', path, message });
    if (instance === undefined && cluster === undefined)
      refuse(['instance'], "the identifier of a DB instance, or cluster with an Aurora cluster's");
    if (instance !== undefined && cluster !== undefined) refuse(['cluster'], 'nothing beside an instance');
    if (schedules.dump !== undefined && connection === undefined)
      refuse(['connection'], 'a map with host and user at least, since schedules.dump connects to the database');
  })
  .transform(({ instance, cluster, ...rest }): Omit<ManagedSource, 'name'> => {
    const database: ManagedDatabase =
      instance === undefined ? { type: 'cluster', id: cluster! } : { type: 'instance', id: instance };
    return { ...rest, database };
  });
