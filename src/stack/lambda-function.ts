import { functionRights } from '#stack/function-rights';
import { arnOf, ref, sub } from '#stack/intrinsics';
import { logicalName } from '#stack/logical-name';

export interface FunctionSize {
  /** also what CPU goes by */
  memoryMb: number;
  /** below that of the state that waits */
  timeoutSeconds: number;
  /** asked by the clock: what failed or came too late is not made up for */
  everyMinute?: true;
}

/** Functions that are deployed only where the plan has something for them to do, as functions/functions.yml has the others. */
export const lambdaFunctions = (sizes: Readonly<Record<string, FunctionSize>>): Record<string, object> =>
  Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => {
      const id = logicalName(name);
      return [id.charAt(0).toLowerCase() + id.slice(1), lambdaFunction(name, size)];
    }),
  );

const lambdaFunction = (name: string, { memoryMb, timeoutSeconds, everyMinute }: FunctionSize): object => ({
  name: `\${self:service}-\${sls:stage}-${name}`,
  handler: `${name}.handler`,
  package: { artifact: `\${param:bundles}/${name}.zip` },
  role: sub(`\${${logicalName(name)}Role.Arn}`),
  memorySize: memoryMb,
  timeout: timeoutSeconds,
  ...(everyMinute && { maximumEventAge: 60, maximumRetryAttempts: 0 }),
  ...(functionRights[name]?.inNetwork && { vpc: ownNetwork }),
});

/** A list of subnets is a parameter, of which the framework takes no reference. */
const ownNetwork = {
  subnetIds: { 'Fn::Split': [',', { 'Fn::Join': [',', ref('SubnetIds')] }] },
  securityGroupIds: [ref('TaskSecurityGroupId')],
};

/** What the framework makes of such functions, with the roles that function-roles.ts makes: what counts in a template. */
export const functionResources = (sizes: Readonly<Record<string, FunctionSize>>): Record<string, object> =>
  Object.fromEntries(
    Object.entries(sizes).flatMap(([name, { everyMinute }]) => {
      const parts = ['LambdaFunction', 'LogGroup', 'Role', ...(everyMinute ? ['LambdaEvConf'] : [])];
      return parts.map((part) => [`${logicalName(name)}${part}`, {}]);
    }),
  );

export const functionArnOf = (name: string): object => arnOf(`${logicalName(name)}LambdaFunction`);
