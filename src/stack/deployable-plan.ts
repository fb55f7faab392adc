import type { AwsDeployment } from '#model/aws-deployment';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import { InputInvalid } from '#model/failure';
import { ofTheStack, type Plan } from '#model/plan';
import type { RecoverySystem } from '#model/recovery-system';
import { formatSecretReference } from '#model/secret-reference';
import { secretReferences } from '#stack/plan-secrets';

export type DeployablePlan = Plan & { aws: AwsDeployment };

/** What a plan says that only means something on one machine cannot be deployed. @throws InputInvalid */
export function requireDeployable(plan: Plan): DeployablePlan {
  const { aws, bucket, encryption } = plan;
  if (!aws)
    throw new InputInvalid(
      'aws',
      undefined,
      'the stack and its region',
      'plan.aws.example.yml shows a plan that is deployed',
    );
  if (bucket !== ofTheStack) throw new InputInvalid('bucket', bucket, 'stack: the bucket that the stack makes');
  if (encryption !== 'none' && !('kmsKey' in encryption && encryption.kmsKey === ofTheStack)) {
    const given = 'kmsKey' in encryption ? encryption.kmsKey : 'a key file';
    throw new InputInvalid('encryption', given, 'kmsKey: stack, the key that the stack makes, or none');
  }
  if (plan.evidence && 'signingKey' in plan.evidence.signer) {
    const allowed = 'kmsKey: stack, the key that the stack makes, or the ARN of another one';
    throw new InputInvalid('evidence', 'a key file', allowed);
  }
  for (const group of plan.failover) checkGroup(group, plan);
  for (const system of plan.systems) checkSystem(system);
  for (const reference of secretReferences(plan)) {
    if (reference.from === 'secret') continue;
    const hint = 'put it into Secrets Manager, in the region of the stack: functions and tasks have no files of yours';
    throw new InputInvalid('plan', formatSecretReference(reference), 'secret:NAME or secret:NAME#field', hint);
  }
  return { ...plan, aws };
}

/** Functions have no files of anybody, and are on the machine of no server. */
function checkGroup(group: FailoverGroup, { sources, managed }: Plan): void {
  const at = `failover.${group.name}`;
  for (const { name, server } of sitesOf(group)) {
    if (server.kind === 'postgres' && server.control.kind === 'local')
      throw new InputInvalid(
        `${at}.sites.${name}.server.control.kind`,
        'local',
        'ec2 or sql, since it is deployed: functions are on no machine of yours',
      );
    const { host, sslrootcert } = server.connection ?? {};
    const field = `${at}.sites.${name}.server.connection`;
    if (host?.startsWith('/'))
      throw new InputInvalid(`${field}.host`, host, 'a host name or an address, since it is deployed');
    if (sslrootcert !== undefined)
      throw new InputInvalid(
        `${field}.sslrootcert`,
        sslrootcert,
        'nothing, since it is deployed: functions have no files of yours',
      );
  }
  const asked = [...sources, ...managed].find(({ name }) => name === group.source)?.connection;
  const sql = group.health.findIndex(({ kind }) => kind === 'sql');
  if (sql >= 0 && asked?.sslrootcert !== undefined) {
    const allowed = `a check of another kind, since it is deployed: the connection of ${group.source} has sslrootcert, and functions have no files of yours`;
    throw new InputInvalid(`${at}.health.${sql}.kind`, 'sql', allowed);
  }
  const { names, capacity, settings } = group;
  for (const [part, all] of Object.entries({ names, capacity, settings })) checkNoFile(`${at}.${part}`, all);
}

function checkNoFile(at: string, all: readonly { kind: string }[]): void {
  const index = all.findIndex(({ kind }) => kind === 'file');
  if (index < 0) return;
  const allowed = 'another kind, since it is deployed: functions have no files of yours';
  throw new InputInvalid(`${at}.${index}.kind`, 'file', allowed);
}

/** A task that restores leaves a volume, which no function can start a server on; and functions have no files of anybody. */
function checkSystem({ name, sources, applications, settings }: RecoverySystem): void {
  const started = sources.findIndex(({ start }) => start !== undefined);
  if (started >= 0) {
    const allowed =
      'nothing, since it is deployed: what is restored on AWS lies on a volume, and nobody is there to start its server';
    const hint =
      'leave it out, attach the volume to a machine of yours and start the server there (docs/recovering.md)';
    throw new InputInvalid(`systems.${name}.sources.${started}.start`, 'a server to start', allowed, hint);
  }
  for (const [part, all] of Object.entries({ applications, settings })) checkNoFile(`systems.${name}.${part}`, all);
}
