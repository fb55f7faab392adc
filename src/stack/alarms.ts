import { metricNamespace, stackDimension } from '#model/metric';
import type { Plan } from '#model/plan';
import { alarm } from './alarm.ts';
import { watchesFailover } from './failover-stack.ts';
import { functionAlarms } from './function-alarms.ts';
import { ref } from './intrinsics.ts';
import { machineAlarms } from './machine-alarms.ts';
import { managedAlarms, sourceAlarms } from './source-alarms.ts';

/**
 * Alarms over machines, functions and sources, and over those who look after all of this. Each has a name that begins with the
 * stack's; a description whose first line says what is wrong and whose last one is the command that comes next; and the topic of
 * failures, for its end too where that is one.
 */
export const alarmsOfPlan = (plan: Plan) => ({
  Resources: {
    ...machineAlarms(plan),
    ...functionAlarms(plan),
    WatchSilentAlarm: watchSilent(plan.sources.length),
    ...(plan.failover.length > 0 && { WatchFailoverSilentAlarm: failoverUnwatched }),
    ...Object.assign({}, ...plan.sources.map(sourceAlarms), ...plan.managed.map(managedAlarms)),
  },
});

/** Every other number of a source comes from the watch: while it is silent, nobody knows anything. */
const watchSilent = (sources: number): object =>
  alarm({
    name: 'watch-silent',
    title: 'not all sources are watched',
    what: `The watch does not measure all ${sources} sources of the plan. Until it does, nobody is told of what goes wrong with the others.`,
    todo: `aws logs tail --region \${AWS::Region} --since 1h /aws/lambda/\${WatchLambdaFunction}`,
    watched: {
      metric: {
        namespace: metricNamespace,
        name: 'WatchedSources',
        dimensions: { [stackDimension]: ref('AWS::StackName') },
      },
      statistic: 'Maximum',
    },
    below: sources,
    periodSeconds: 60,
    periods: 10,
    silence: 'that is it',
    ends: true,
    onlyActive: true,
  });

/** Only where it has to run. It fails by an alarm of its own; this one is for the day on which nothing starts it. */
const failoverUnwatched: object = {
  ...alarm({
    name: 'watch-failover-silent',
    title: 'nobody watches the groups',
    what: 'The function watch-failover is not started. Until it is, nobody proposes a failover, and nobody is told of two primaries.',
    todo: `aws scheduler get-schedule --region \${AWS::Region} --group-name \${AWS::StackName} --name watch-failover`,
    watched: {
      metric: {
        namespace: 'AWS/Lambda',
        name: 'Invocations',
        dimensions: { FunctionName: ref('WatchFailoverLambdaFunction') },
      },
      statistic: 'Sum',
    },
    ...{ below: 1, periodSeconds: 60, periods: 10, silence: 'that is it', ends: true, onlyActive: false },
  }),
  Condition: watchesFailover,
};
