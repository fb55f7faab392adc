import type { Plan } from '#model/plan';
import { type PlannedSchedule, plannedSchedules, scheduledTimeWord } from '#model/planned-schedules';
import { watchesFailover } from './failover-stack.ts';
import { arnOf, ownArn, ref } from './intrinsics.ts';
import { logicalName } from './logical-name.ts';

/**
 * One schedule of EventBridge Scheduler for each of the plan, in a group of their own. A schedule starts no machine by
 * itself: it invokes `start-scheduled` with its name and the time it was due at, for only so an execution gets a name by
 * which the same firing is known again. `watch`, `watch-managed` and `sign-evidence` are invoked directly.
 */
export function schedulesOfPlan(plan: Plan) {
  const resources: Record<string, object> = {
    ScheduleGroup: { Type: 'AWS::Scheduler::ScheduleGroup', Properties: { Name: ref('AWS::StackName') } },
    SchedulerRole: schedulerRole(plan),
  };
  for (const schedule of plannedSchedules(plan))
    resources[`${logicalName(schedule.name)}Schedule`] = scheduleOf(schedule);
  return { Resources: resources };
}

function scheduleOf({ name, expression, timezone, windowMinutes, target }: PlannedSchedule): object {
  const invoked = 'function' in target ? target : undefined;
  return {
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      Name: name,
      GroupName: ref('ScheduleGroup'),
      State: stateOf(target),
      ScheduleExpression: expression,
      ScheduleExpressionTimezone: timezone,
      FlexibleTimeWindow:
        windowMinutes === 0 ? { Mode: 'OFF' } : { Mode: 'FLEXIBLE', MaximumWindowInMinutes: windowMinutes },
      Target: {
        Arn: arnOf(`${logicalName(invoked?.function ?? 'start-scheduled')}LambdaFunction`),
        RoleArn: arnOf('SchedulerRole'),
        Input: JSON.stringify(invoked ? invoked.input : { schedule: name, scheduledTime: scheduledTimeWord }),
        RetryPolicy: retryPolicyOf(target),
        // a watch that did not happen is an alarm, and nothing to be done later
        ...(isWatch(target) ? {} : { DeadLetterConfig: { Arn: arnOf('DeadLetters') } }),
      },
    },
  };
}

/** A stack that stands by does nothing by the clock, but for the watch over groups. */
const stateOf = (target: PlannedSchedule['target']): object =>
  'function' in target && target.function === 'watch-failover'
    ? { 'Fn::If': [watchesFailover, 'ENABLED', 'DISABLED'] }
    : { 'Fn::If': ['IsStandby', 'DISABLED', 'ENABLED'] };

/** Every minute, so that nothing of it has to be made up for. */
const isWatch = (target: PlannedSchedule['target']): boolean =>
  'function' in target && target.function !== 'sign-evidence';

/**
 * How long it is tried to hand a firing over to the function's queue; what the function makes of it is tried by Lambda. The
 * next watch comes in a minute. That a backup cannot begin should be known within the hour; drills and scrubs have time.
 * https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html
 */
function retryPolicyOf(target: PlannedSchedule['target']) {
  if (isWatch(target)) return { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 1 };
  if ('stateMachine' in target && target.stateMachine === 'backup')
    return { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 60 };
  return { MaximumEventAgeInSeconds: 21_600, MaximumRetryAttempts: 60 };
}

/** Whose it acts for is told by the group: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html */
const schedulerRole = ({ failover }: Pick<Plan, 'failover'>) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'scheduler.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: {
            StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
            ArnEquals: { 'aws:SourceArn': ownArn('scheduler', `schedule-group/\${AWS::StackName}`) },
          },
        },
      ],
    },
    Policies: [
      {
        PolicyName: 'invoke-and-bury',
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: 'lambda:InvokeFunction',
              Resource: [
                'StartScheduledLambdaFunction',
                'WatchLambdaFunction',
                'WatchManagedLambdaFunction',
                'SignEvidenceLambdaFunction',
                'TellIncidentsLambdaFunction',
                ...(failover.length > 0 ? ['WatchFailoverLambdaFunction'] : []),
              ].map(arnOf),
            },
            { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: arnOf('DeadLetters') },
          ],
        },
      },
    ],
  },
});
