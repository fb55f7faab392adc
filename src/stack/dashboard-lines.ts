import type { Plan } from '#model/plan';
import { failoverMachines } from './failover-stack.ts';
import { logicalName } from './logical-name.ts';
import { systemMachines } from './system-stack.ts';

/** What is behind the last line of a list in dashboard.yml, as text, since the whole of that is one. */
export interface DashboardLines {
  alarms: string;
  succeeded: string;
  endedBadly: string;
  failed: string;
  took: string;
}

/** Of the machines and functions that are there only with this plan. */
export function dashboardLines({ slack, failover, systems }: Plan): DashboardLines {
  const machines = [...(failover.length > 0 ? failoverMachines : []), ...(systems.length > 0 ? systemMachines : [])];
  const watched = failover.length > 0 ? ['watch-failover'] : [];
  const named = `arn:\${AWS::Partition}:cloudwatch:\${AWS::Region}:\${AWS::AccountId}:alarm:\${AWS::StackName}-`;
  const arnOf = (alarm: string) => `\${${alarm}Alarm.Arn}`;
  return {
    alarms: lines([
      ...machines.map((machine) => arnOf(`${logicalName(machine)}Failed`)),
      ...watched.flatMap((name) => [arnOf(`${logicalName(name)}Fails`), `${named}${name}-silent`]),
      ...(slack ? [arnOf('SlackAnswerFails')] : []),
    ]),
    succeeded: lines(machines.map((machine) => ofMachine(machine, 'Succeeded', machine))),
    endedBadly: lines(
      machines.flatMap((machine) => badEnds.map(([end, how]) => ofMachine(machine, end, `${machine} ${how}`))),
    ),
    failed: lines(
      watched.flatMap((name) => [
        ofFunction(name, 'Errors', `${name} failed`),
        ofFunction(name, 'Throttles', `${name} refused`),
      ]),
    ),
    took: lines(watched.map((name) => ofFunction(name, 'Duration', name))),
  };
}

const badEnds = [
  ['Failed', 'failed'],
  ['TimedOut', 'timed out'],
  ['Aborted', 'stopped'],
] as const;

const ofMachine = (machine: string, end: string, label: string) => [
  ...['AWS/States', `Executions${end}`, 'StateMachineArn', `\${${logicalName(machine)}StateMachine}`],
  { label },
];

const ofFunction = (name: string, metric: string, label: string) => [
  ...['AWS/Lambda', metric, 'FunctionName', `\${${logicalName(name)}LambdaFunction}`],
  { label },
];

const lines = (list: readonly unknown[]): string => list.map((one) => `,\n${JSON.stringify(one)}`).join('');
