import { oneOf, section, text } from '#model/plan-field';
import { schedule, type Tier, tier, windowMinutes, zoneName } from '#model/postgres-source';
import type { Schedule } from '#model/schedule';

/** A database that RDS runs: AWS takes its backups, the plan says when, where to, and what is promised. */
export interface ManagedSource {
  /** its key under `sources`, and its first path element in the bucket */
  name: string;
  kind: 'rds';
  database: ManagedDatabase;
  /** where each snapshot is copied to; its key is one of that region, and needed when the database is encrypted */
  copyTo?: { region: string; kmsKey?: string };
  schedules: { snapshot?: Schedule; timezone: string; windowMinutes: number };
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
  schedules: section({
    snapshot: schedule.exactOptional(),
    timezone: zoneName(),
    windowMinutes: windowMinutes(),
  }).prefault({}),
  tier: tier.exactOptional(),
})
  .superRefine(({ instance, cluster }, issues) => {
    const refuse = (path: string[], message: string) => issues.addIssue({ code: 'custom', path, message });
    if (instance === undefined && cluster === undefined)
      refuse(['instance'], "the identifier of a DB instance, or cluster with an Aurora cluster's");
    if (instance !== undefined && cluster !== undefined) refuse(['cluster'], 'nothing beside an instance');
  })
  .transform(({ instance, cluster, ...rest }): Omit<ManagedSource, 'name'> => {
    const database: ManagedDatabase =
      instance === undefined ? { type: 'cluster', id: cluster! } : { type: 'instance', id: instance };
    return { ...rest, database };
  });
