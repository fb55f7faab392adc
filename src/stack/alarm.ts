import { todoMark } from '#model/alarm-description';
import { ref, sub } from './intrinsics.ts';

/** What CloudWatch looks at: a number by its own name, or a sum of several. */
export type Watched =
  | { metric: AlarmMetric; statistic: 'Sum' | 'Minimum' | 'Maximum' }
  /** of each number what came in the period; what did not come is nothing */
  | { sumOf: Record<string, AlarmMetric>; label: string };

export interface AlarmMetric {
  namespace: string;
  name: string;
  dimensions: Record<string, unknown>;
}

export interface AlarmPlan {
  /** after the stack's own name */
  name: string;
  /** one line: what is wrong */
  title: string;
  /** what that means; may name `${Resource}` and `${AWS::Region}` */
  what: string;
  /** the command that comes next; like `what` */
  todo: string;
  watched: Watched;
  above?: number;
  below?: number;
  periodSeconds: number;
  /** in how many periods on end */
  periods: number;
  /**
   * When nothing was measured:
   * nothing happened: there is nothing to be wrong with
   * nobody knows: it stays as it was, for who measures has an alarm of its own
   * that is it: silence is what is wrong
   */
  silence: 'nothing happened' | 'nobody knows' | 'that is it';
  /** what happened has no end that would be worth a message: that nothing else failed for five minutes says nothing */
  ends: boolean;
  /** not in a stack that stands by, where nobody measures */
  onlyActive: boolean;
}

const treatMissing = { 'nothing happened': 'notBreaching', 'nobody knows': 'ignore', 'that is it': 'breaching' };

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html */
export function alarm(plan: AlarmPlan): object {
  const { name, title, what, todo, watched, above, below, periodSeconds, periods, silence, ends, onlyActive } = plan;
  return {
    Type: 'AWS::CloudWatch::Alarm',
    ...(onlyActive && { Condition: 'IsActive' }),
    Properties: {
      // the topic's policy lets alarms through that begin with the stack's name
      AlarmName: sub(`\${AWS::StackName}-${name}`),
      AlarmDescription: described(`${title}\n${what}\n${todoMark}${todo}`),
      ...looksAt(watched, periodSeconds),
      EvaluationPeriods: periods,
      DatapointsToAlarm: periods,
      ComparisonOperator: above === undefined ? 'LessThanThreshold' : 'GreaterThanThreshold',
      Threshold: above ?? below,
      TreatMissingData: treatMissing[silence],
      AlarmActions: [ref('FailureTopic')],
      ...(ends && { OKActions: [ref('FailureTopic')] }),
    },
  };
}

const described = (text: string) => (text.includes('${') ? sub(text) : text);

function looksAt(watched: Watched, periodSeconds: number): object {
  if ('metric' in watched) {
    return { ...named(watched.metric), Statistic: watched.statistic, Period: periodSeconds };
  }
  const ids = Object.keys(watched.sumOf);
  const sum = ids.map((id) => `FILL(${id}, 0)`).join(' + ');
  return {
    Metrics: [
      { Id: 'sum', Expression: sum, Label: watched.label, ReturnData: true },
      ...Object.entries(watched.sumOf).map(([id, metric]) => ({
        Id: id,
        ReturnData: false,
        MetricStat: { Stat: 'Sum', Period: periodSeconds, Metric: named(metric) },
      })),
    ],
  };
}

const named = ({ namespace, name, dimensions }: AlarmMetric) => ({
  Namespace: namespace,
  MetricName: name,
  Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
});
