import { type DumpedSource, dumpedSources } from '#model/choose-dumped';
import { InputInvalid } from '#model/failure';
import type { Plan } from '#model/plan';
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
 * For each source of the plan: the role that its backups, its dumps and its receiver run under, the receiver's task definition
 * and the service that keeps it running. Of a database that RDS runs, a role for its dumps where we may connect to it. And
 * the right of the machines to hand these roles, and no others, to their tasks; and the rights of the machines that work on
 * databases of RDS.
 * @throws InputInvalid for what cannot work in a container
 */
export function sourcesOfPlan({ plan, text, fileName }: SourcesOptions) {
  const resources: Record<string, object> = {};
  const dumped = dumpedSources(plan);
  for (const source of dumped) {
    checkDeployable(source, fileName);
    resources[roleOf(source)] = sourceRole(source);
  }
  for (const source of plan.sources) {
    const id = logicalName(source.name);
    resources[`ReceiveWal${id}Task`] = receiverTask(source, dataOfSource(text, fileName, source.name));
    resources[`ReceiveWal${id}Service`] = receiverService(source);
  }
  if (plan.sources.length > 0) resources.PassSourceRoles = passRoles('BackupStateMachineRole', plan.sources);
  if (dumped.length > 0) resources.PassDumpRoles = passRoles('DumpStateMachineRole', dumped);
  Object.assign(resources, managedRights(plan));
  return { Resources: resources };
}

const roleOf = ({ name }: Pick<DumpedSource, 'name'>): string => `Source${logicalName(name)}Role`;

/** A container has no files of the machine that packaged it. (Secrets: deployable-plan.ts.) */
function checkDeployable({ name, connection }: DumpedSource, fileName: string): void {
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
const passRoles = (machineRole: string, sources: readonly DumpedSource[]): object => ({
  Type: 'AWS::IAM::Policy',
  Properties: {
    PolicyName: 'pass-source-roles',
    Roles: [ref(machineRole)],
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'iam:PassRole',
          Resource: sources.map((source) => arnOf(roleOf(source))),
          Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
        },
      ],
    },
  },
});
