import { z } from 'zod';
import { todoMark } from '#model/alarm-description';
import { parseMachineArn } from '#model/arn';
import { type MetricName, sourceDimension } from '#model/metric';
import type { NoticeInput } from '#model/notice';
import { type Echo, echoOfKind, echoOfMachine } from './echo.ts';
import { receiverOf } from './event-notice.ts';

const text = z.string().nullish().catch(null);
const dimensions = z.array(z.object({ name: z.string(), value: z.string() })).catch([]);
const metric = z.object({ MetricName: z.string(), Dimensions: dimensions });

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html */
const alarmSchema = z.object({
  AlarmName: z.string().min(1),
  NewStateValue: z.enum(['ALARM', 'OK', 'INSUFFICIENT_DATA']),
  NewStateReason: z.string().catch(''),
  StateChangeTime: text,
  AlarmDescription: text,
  /** of one metric, or of an expression over some */
  Trigger: z
    .union([
      metric.transform((one) => [one]),
      z
        .object({ Metrics: z.array(z.object({ MetricStat: z.object({ Metric: metric }).optional() })) })
        .transform(({ Metrics }) => Metrics.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []))),
    ])
    .catch([]),
});

/** A message of CloudWatch as a notice, and what it repeats; undefined when it is none. */
export function alarmNotice(content: unknown): { notice: NoticeInput; echo: Echo | null } | undefined {
  const parsed = alarmSchema.safeParse(content);
  if (!parsed.success) return undefined;
  const { AlarmName, NewStateValue, NewStateReason, StateChangeTime, AlarmDescription, Trigger } = parsed.data;
  const { title, what, todo } = describe(AlarmDescription ?? '');
  const recovered = NewStateValue === 'OK';
  const named = title ?? `the alarm says ${NewStateValue}`;
  const echoKey = Trigger.map(echoKeyOf).find((key) => key !== undefined);
  return {
    notice: {
      format: 'lifeboat-notice/1',
      occasion: recovered ? 'success' : 'failure',
      subject: Trigger.map(sourceOf).find((source) => source !== undefined) ?? AlarmName,
      title: recovered ? `over: ${title ?? 'the alarm'}` : named,
      what: [what, NewStateReason, `Alarm: ${AlarmName}`].filter(Boolean).join('\n\n'),
      since: StateChangeTime?.replace(/([+-]\d\d)(\d\d)$/, '$1:$2') ?? null,
      todo: recovered ? null : todo,
      dedupe: `alarm ${AlarmName}`,
      recovered,
    },
    echo: echoKey === undefined ? null : { key: echoKey, waitMs: 0 },
  };
}

function describe(description: string): { title: string | null; what: string; todo: string | null } {
  const [words = '', todo] = description.split(`\n${todoMark}`);
  const [title, ...rest] = words.split('\n');
  // of an alarm that is not ours, the whole description is what happened
  return todo === undefined ? { title: null, what: words, todo: null } : { title: title!, what: rest.join('\n'), todo };
}

interface AlarmMetric {
  MetricName: string;
  Dimensions: { name: string; value: string }[];
}

const dimensionOf = ({ Dimensions }: AlarmMetric, dimension: string): string | undefined =>
  Dimensions.find(({ name }) => name === dimension)?.value;

function sourceOf(alarmMetric: AlarmMetric): string | undefined {
  const service = dimensionOf(alarmMetric, 'ServiceName');
  return dimensionOf(alarmMetric, sourceDimension) ?? (service === undefined ? undefined : receiverOf(service));
}

/** Which machine tells of it, or the first word of the findings' keys that are about the same. */
const toldBy: Partial<Record<MetricName | 'RunningTaskCount', string>> = {
  RpoSeconds: 'rpo',
  RtoSeconds: 'rto',
  Restorable: 'rpo',
  WalLagSeconds: 'receiver',
  RunningTaskCount: 'receiver',
  WalGaps: 'gap',
  BrokenBackups: 'broken',
  OverdueBackups: 'overdue',
  OverdueDumps: 'dump-overdue',
  DumpProven: 'dump',
  DrillProven: 'drill',
};

function echoKeyOf(alarmMetric: AlarmMetric): string | undefined {
  const machine = parseMachineArn(dimensionOf(alarmMetric, 'StateMachineArn') ?? '');
  if (machine !== undefined) return echoOfMachine(machine);
  const [kind, source] = [toldBy[alarmMetric.MetricName as MetricName], sourceOf(alarmMetric)];
  return kind === undefined || source === undefined ? undefined : echoOfKind(kind, source);
}
