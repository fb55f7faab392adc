import { clusterArn, functionArn, localAccount, machineArn, taskDefinitionArn, topicArn } from '#model/arn';

/** What stands for `${…}` in the machines here, as DefinitionSubstitutions do in the template. */
export const localSubstitutions = (names: {
  functions: readonly string[];
  machines: readonly string[];
  tasks: readonly string[];
}): Record<string, string> => ({
  ...Object.fromEntries(names.functions.map((name) => [`${pascal(name)}FunctionArn`, functionArn(name)])),
  ...Object.fromEntries(names.machines.map((name) => [`${pascal(name)}StateMachineArn`, machineArn(name)])),
  ...Object.fromEntries(names.tasks.map((name) => [`${pascal(name)}TaskArn`, taskDefinitionArn(name)])),
  // what has no volumes has no task of its own for them
  DrillVolumeTaskArn: taskDefinitionArn('drill'),
  ProveDumpVolumeTaskArn: taskDefinitionArn('prove-dump'),
  VolumeRoleArn: `arn:aws:iam::${localAccount}:role/lifeboat-local-volumes`,
  ClusterArn: clusterArn,
  // here one topic has it all: each notice says itself whom it is for
  FailureTopicArn: topicArn,
  SuccessTopicArn: topicArn,
  // a process has no network of its own: these are only there to be named
  SubnetA: 'subnet-local',
  SubnetB: 'subnet-local',
  TaskSecurityGroup: 'sg-local',
});

const pascal = (name: string): string => name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
