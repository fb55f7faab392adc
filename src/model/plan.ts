import { z } from 'zod';
import { type ApprovalRules, approvalRules, unreachable } from '#model/approval-rules';
import { type Approver, approver } from '#model/approver';
import { type AwsDeployment, awsDeployment } from '#model/aws-deployment';
import { type Concurrency, concurrency } from '#model/concurrency';
import { type EvidenceSettings, evidenceSettings } from '#model/evidence-settings';
import { type FailoverGroup, failoverGroup, groupName } from '#model/failover-group';
import { failoverProblems } from '#model/failover-problems';
import { contactChannel, type IncidentSettings, incidentSettings } from '#model/incident-settings';
import { type ManagedSource, managedSource } from '#model/managed-source';
import { type MetricsSettings, metricsSettings } from '#model/metrics-settings';
import { type Notification, notification } from '#model/notification';
import { listOf, section, text, yesOrNo } from '#model/plan-field';
import { parsePlanFile } from '#model/plan-file';
import { PlanInvalid } from '#model/plan-invalid';
import { planProblems } from '#model/plan-problem';
import { type PostgresSource, postgresSource } from '#model/postgres-source';
import { type RecoverySystem, recoverySystem, systemName } from '#model/recovery-system';
import { type RetentionRules, retentionRules } from '#model/retention-rules';
import { type SlackSettings, slackProblems, slackSettings } from '#model/slack-settings';
import { type StorageRules, storageRules } from '#model/storage-rules';
import { systemProblems } from '#model/system-problems';

/** The one configuration file, `plan.yml`: what is protected, where it goes, who is told and who may approve. */
export interface Plan {
  /** a directory, `s3://bucket/prefix` without a slash at its end, or `stack`: the bucket of the stack in `aws` */
  bucket: string;
  /** a choice that has to be written down; a KMS key is an ARN, or `stack`: the key of the stack in `aws` */
  encryption: 'none' | { keyFile: string } | { kmsKey: string };
  /** in the order of the file; one at least of these or the next */
  sources: PostgresSource[];
  /** sources that RDS runs, in the order of the file */
  managed: ManagedSource[];
  approvers: Approver[];
  /** whether a plan must be approved by somebody else than who asked for it */
  fourEyes: boolean;
  approvals: ApprovalRules;
  /** what moves to another site, each source in one group at most; in the order of the file */
  failover: FailoverGroup[];
  /** what is brought back together; in the order of the file */
  systems: RecoverySystem[];
  /** by whose buttons questions are answered, too */
  slack?: SlackSettings;
  notifications: Notification[];
  /** absent: incidents can be opened, but nobody is called or reminded by the clock */
  incidents?: IncidentSettings;
  concurrency: Concurrency;
  storage: StorageRules;
  /** of every source that says nothing of its own; absent: everything is kept */
  retention?: RetentionRules;
  /** where numbers are pushed; without it only to CloudWatch, where there is one */
  metrics?: MetricsSettings;
  /** by what the evidence is signed; absent: it is not */
  evidence?: EvidenceSettings;
  /** where it is deployed, if it is */
  aws?: AwsDeployment;
}

/**
 * Read a plan's text; `fileName` is for messages. Paths stay as written, secrets stay references.
 * @throws PlanInvalid with everything that is wrong.
 */
export function parsePlan(content: string, fileName: string): Plan {
  const file = parsePlanFile(content, fileName);
  const outcome = planSchema.safeParse(file.content);
  if (outcome.success) return outcome.data;
  throw new PlanInvalid(
    fileName,
    outcome.error.issues.flatMap((issue) => planProblems(issue, file)),
  );
}

export const isS3Url = (bucket: string): boolean => bucket.startsWith('s3://');

/** What stands in a deployed plan for the bucket and the key that its stack makes. */
export const ofTheStack = 'stack';

const bucketAllowed = 'the path of a directory, s3://bucket/prefix, or stack where the plan has aws';

/** Folders of the bucket that belong to no source. */
const reserved = [
  'approval-tokens',
  'approvals',
  'catalog',
  'evidence',
  'evidence-heads',
  'executions',
  'failover',
  'incidents',
  'notices',
];

const sourceName = text(
  `1 to 63 lower-case letters, digits or -, beginning with a letter, and none of ${reserved.join(', ')}`,
  new RegExp(`^(?!(?:${reserved.join('|')})$)[a-z][a-z0-9-]{0,62}$`),
);

/** What a source may say depends on its kind; each kind's own schema says what is wrong with it. */
const anySource = z.unknown().transform((value, context) => {
  const isManaged = (value as { kind?: unknown } | null | undefined)?.kind === 'rds';
  const outcome = (isManaged ? managedSource : postgresSource).safeParse(value);
  if (outcome.success) return outcome.data;
  for (const issue of outcome.error.issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
  return z.NEVER;
});

const isManaged = (source: PostgresSource | ManagedSource): source is ManagedSource => source.kind === 'rds';

const planSchema: z.ZodType<Plan> = section({
  bucket: text(bucketAllowed, /^(s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?|(?!\w+:\/\/).*\S.*)$/).transform(
    (bucket) => (isS3Url(bucket) ? bucket.replace(/\/+$/, '') : bucket),
  ),
  encryption: z.union(
    [
      z.literal('none'),
      section({ keyFile: text('the path of a key file') }),
      section({
        kmsKey: text(
          "a KMS key's ARN, or stack",
          /^(stack|arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:(key\/[\w-]{1,256}|alias\/[\w/-]{1,256}))$/,
        ),
      }),
    ],
    { error: "none, keyFile with the path of a key file, or kmsKey with a KMS key's ARN or stack" },
  ),
  sources: z
    .record(sourceName, anySource, { error: 'a map of sources by name' })
    .refine((sources) => Object.keys(sources).length > 0, { error: 'at least one source' })
    .transform((sources) =>
      Object.entries(sources).map(([name, source]): PostgresSource | ManagedSource => ({ name, ...source })),
    ),
  approvers: listOf(approver, 'approvers').prefault([]),
  fourEyes: yesOrNo().default(false),
  approvals: approvalRules,
  failover: z
    .record(groupName, failoverGroup, { error: 'a map of groups by name' })
    .prefault({})
    .transform((groups) => Object.entries(groups).map(([name, group]): FailoverGroup => ({ name, ...group }))),
  systems: z
    .record(systemName, recoverySystem, { error: 'a map of systems by name' })
    .prefault({})
    .transform((systems) => Object.entries(systems).map(([name, system]): RecoverySystem => ({ name, ...system }))),
  slack: slackSettings.exactOptional(),
  notifications: listOf(notification, 'notifications').prefault([]),
  incidents: incidentSettings.exactOptional(),
  concurrency,
  storage: storageRules,
  retention: retentionRules.exactOptional(),
  metrics: metricsSettings.exactOptional(),
  evidence: evidenceSettings.exactOptional(),
  aws: awsDeployment.exactOptional(),
})
  .superRefine(({ bucket, encryption, approvers, fourEyes, approvals, slack, evidence, aws }, issues) => {
    const refuse = (path: PropertyKey[], message: string) => issues.addIssue({ code: 'custom', path, message });
    for (const { path, allowed } of unreachable(approvals, { approvers, fourEyes }))
      refuse(['approvals', ...path], allowed);
    for (const { path, allowed } of slackProblems(slack, approvers)) refuse(path, allowed);
    if (aws) return;
    if (bucket === ofTheStack) refuse(['bucket'], 'a directory or s3://bucket/prefix, since the plan has no aws');
    if (typeof encryption === 'object' && 'kmsKey' in encryption && encryption.kmsKey === ofTheStack)
      refuse(['encryption', 'kmsKey'], "a KMS key's ARN, since the plan has no aws");
    if (evidence && 'kmsKey' in evidence.signer && evidence.signer.kmsKey === ofTheStack)
      refuse(['evidence', 'kmsKey'], "a KMS key's ARN, since the plan has no aws");
    for (const [index, { iam }] of approvers.entries()) {
      if (iam !== undefined)
        refuse(['approvers', index, 'iam'], 'nothing, since the plan has no aws: nobody could check it');
    }
  })
  .transform(
    ({ sources, ...plan }): Plan => ({
      ...plan,
      sources: sources.filter((source) => !isManaged(source)),
      managed: sources.filter(isManaged),
    }),
  )
  .superRefine(({ failover, sources, managed }, issues) => {
    for (const { path, allowed } of failoverProblems(failover, [...sources, ...managed]))
      issues.addIssue({ code: 'custom', path: ['failover', ...path], message: allowed });
  })
  .superRefine(({ systems, sources, managed }, issues) => {
    for (const { path, allowed } of systemProblems(systems, { sources, managed }))
      issues.addIssue({ code: 'custom', path: ['systems', ...path], message: allowed });
  })
  .superRefine(({ incidents, notifications }, issues) => {
    for (const [index, contact] of (incidents?.contacts ?? []).entries()) {
      if (contactChannel(contact, notifications)) continue;
      const message = 'nothing, since no notification of kind email says through which server';
      issues.addIssue({ code: 'custom', path: ['incidents', 'contacts', index, 'email'], message });
    }
  })
  .superRefine(({ sources, managed, retention }, issues) => {
    for (const { name, schedules, retention: own } of [...sources, ...managed]) {
      if (schedules.retention === undefined || (own ?? retention) !== undefined) continue;
      const message = 'nothing, since neither the source nor the plan has retention';
      issues.addIssue({ code: 'custom', path: ['sources', name, 'schedules', 'retention'], message });
    }
  });
