import { InputInvalid } from '#model/failure';
import type { Plan } from '#model/plan';
import type { PostgresSource } from '#model/postgres-source';
import { arnOf, ref } from './intrinsics.ts';
import { logicalName } from './logical-name.ts';
import { managedRights } from './managed-rights.ts';
import { dataOfSource } from './plan-data.ts';
import { receiverService, receiverTask } from './source-receiver.ts';
import { sourceRole } from './source-role.ts';

export interface SourcesOptions {
  plan: Plan;
  /** the plan's text, and what it is called in messages */
  text: string;
  fileName: string;
}

/**
 * For each source of the plan: the role that its backups and its receiver run under, the receiver's task definition and the
 * service that keeps it running. And the right of the backup machine to hand these roles, and no others, to its tasks; and
 * the rights of the machines that work on databases of RDS.
 * @throws InputInvalid for what cannot work in a container
 */
export function sourcesOfPlan({ plan, text, fileName }: SourcesOptions) {
  const resources: Record<string, object> = {};
  for (const source of plan.sources) {
    checkDeployable(source, fileName);
    const id = logicalName(source.name);
    resources[`Source${id}Role`] = sourceRole(source);
    resources[`ReceiveWal${id}Task`] = receiverTask(source, dataOfSource(text, fileName, source.name));
    resources[`ReceiveWal${id}Service`] = receiverService(source);
  }
  if (plan.sources.length > 0) resources.PassSourceRoles = passRoles(plan.sources);
  Object.assign(resources, managedRights(plan));
  return { Resources: resources };
}

/** A container has no files of the machine that packaged it. (Secrets: deployable-plan.ts.) */
function checkDeployable({ name, connection }: PostgresSource, fileName: string): void {
  const at = `${fileName}: sources.${name}.connection`;
  const { host, sslrootcert } = connection;
  if (host.startsWith('/'))
    throw new InputInvalid(`${at}.host`, host, 'a host name or an address, since it is deployed');
  if (sslrootcert !== undefined && !sslrootcert.startsWith('/')) {
    const allowed = 'the absolute path of a file that was added to the image, since it is deployed';
    throw new InputInvalid(`${at}.sslrootcert`, sslrootcert, allowed);
  }
}

/** Here, and not at the machine's role, since the plan decides which there are. */
const passRoles = (sources: readonly PostgresSource[]): object => ({
  Type: 'AWS::IAM::Policy',
  Properties: {
    PolicyName: 'pass-source-roles',
    Roles: [ref('BackupStateMachineRole')],
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'iam:PassRole',
          Resource: sources.map(({ name }) => arnOf(`Source${logicalName(name)}Role`)),
          Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
        },
      ],
    },
  },
});
