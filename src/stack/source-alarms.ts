import { formatDuration } from '#model/duration';
import type { ManagedSource } from '#model/managed-source';
import { type MetricName, metricNamespace, sourceDimension, stackDimension } from '#model/metric';
import type { PostgresSource } from '#model/postgres-source';
import { type AlarmMetric, type AlarmPlan, alarm } from './alarm.ts';
import { ref } from './intrinsics.ts';
import { logicalName } from './logical-name.ts';

/**
 * What the watch measures of one source each minute, what its drills prove, and whether its receiver runs. The watch tells
 * people of the same by itself, and sooner: an alarm says so when that has not come through (src/notify/echo.ts).
 */
export function sourceAlarms(source: PostgresSource): Record<string, object> {
  const id = logicalName(source.name);
  const plans = {
    ...unprotected(source),
    ...tierOf(source),
    ...walOf(source),
    ...backupsOf(source),
    ...dumpsOf(source),
  };
  return Object.fromEntries(Object.entries(plans).map(([name, plan]) => [`${id}${name}Alarm`, alarm(plan)]));
}

/** The same of a database that RDS runs, as far as it is measured. */
export function managedAlarms(managed: ManagedSource): Record<string, object> {
  const { name, tier } = managed;
  const id = logicalName(name);
  const source = { name, ...(tier && { tier }) };
  const snapshot = `lifeboat backup --source ${name}`;
  const { Unprotected } = unprotected(source);
  const { Rpo } = tierOf(source);
  const { Overdue } = backupsOf(source);
  const plans: Plans = {
    Unprotected: {
      ...Unprotected!,
      what: `If the database ${name} died now, everything would be lost.`,
      todo: snapshot,
    },
    ...(Rpo && { Rpo: { ...Rpo, what: Rpo.what.replace('the server of', 'the database') } }),
    Overdue: { ...Overdue!, todo: snapshot },
    ...dumpsOf(managed),
  };
  return Object.fromEntries(Object.entries(plans).map(([alarmName, plan]) => [`${id}${alarmName}Alarm`, alarm(plan)]));
}

type Plans = Record<string, AlarmPlan>;

const metricOf = (name: MetricName, source: string): AlarmMetric => ({
  namespace: metricNamespace,
  name,
  dimensions: { [stackDimension]: ref('AWS::StackName'), [sourceDimension]: source },
});

/** A number that the watch knows each minute. */
const measured = (name: MetricName, source: string) =>
  ({
    watched: { metric: metricOf(name, source), statistic: 'Maximum' },
    periodSeconds: 60,
    periods: 5,
    silence: 'nobody knows',
    ends: true,
    onlyActive: true,
  }) satisfies Partial<AlarmPlan>;

const status = (name: string): string => `lifeboat status --source ${name}`;
const fullBackup = (name: string): string => `lifeboat backup --source ${name} --type full`;

/** An hour, in which a source that was just added gets its first backup. */
const unprotected = ({ name }: Pick<PostgresSource, 'name'>): Plans => ({
  Unprotected: {
    name: `${name}-unprotected`,
    title: 'nothing can be restored',
    what: `If the server of ${name} died now, everything would be lost: no backup can be restored with the WAL that is verified.`,
    todo: fullBackup(name),
    ...measured('Restorable', name),
    below: 1,
    periods: 60,
  },
});

function tierOf({ name, tier }: Pick<PostgresSource, 'name' | 'tier'>): Plans {
  if (!tier) return {};
  const [rpo, rto] = [formatDuration(tier.rpoMs), formatDuration(tier.rtoMs)];
  return {
    Rpo: {
      name: `${name}-rpo`,
      title: 'more could be lost than is promised',
      what: `If the server of ${name} died now, more would be lost than the ${rpo} that its tier allows.`,
      todo: status(name),
      ...measured('RpoSeconds', name),
      above: tier.rpoMs / 1_000,
    },
    Rto: {
      name: `${name}-rto`,
      title: 'a recovery takes longer than is promised',
      what: `By its last drills, a recovery of ${name} takes longer than the ${rto} that its tier allows.`,
      todo: status(name),
      ...measured('RtoSeconds', name),
      above: tier.rtoMs / 1_000,
    },
  };
}

const walOf = ({ name, walChunkSeconds }: PostgresSource): Plans => ({
  WalLag: {
    name: `${name}-wal-lag`,
    title: 'the stored WAL does not grow',
    what: `The server of ${name} goes on and nothing of it is stored; it keeps its WAL until its disk is full.`,
    todo: status(name),
    ...measured('WalLagSeconds', name),
    above: Math.max(300, 10 * walChunkSeconds),
  },
  WalGap: {
    name: `${name}-wal-gap`,
    title: 'the stored WAL has a gap',
    what: `WAL of ${name} is missing: nothing behind it can be reached from the backups before it.`,
    todo: fullBackup(name),
    ...measured('WalGaps', name),
    above: 0,
  },
  Receiver: {
    name: `${name}-receiver`,
    title: 'the receiver does not run',
    what: `Nothing receives the WAL of ${name}; its server keeps it until its disk is full.`,
    todo: `aws ecs describe-services --region \${AWS::Region} --cluster \${Cluster} --services receive-wal-${name} --query services[].events[:5]`,
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
    watched: {
      metric: {
        namespace: 'ECS/ContainerInsights',
        name: 'RunningTaskCount',
        dimensions: { ClusterName: ref('Cluster'), ServiceName: `receive-wal-${name}` },
      },
      statistic: 'Maximum',
    },
    below: 1,
    periodSeconds: 60,
    periods: 10,
    silence: 'that is it',
    ends: true,
    onlyActive: true,
  },
});

const backupsOf = ({ name }: Pick<PostgresSource, 'name'>): Plans => ({
  Overdue: {
    name: `${name}-overdue`,
    title: 'a backup is overdue',
    what: `A backup of ${name} that was due is not there.`,
    todo: `lifeboat backup --source ${name}`,
    ...measured('OverdueBackups', name),
    above: 0,
  },
  Broken: {
    name: `${name}-broken`,
    title: 'a backup is broken',
    what: `A backup of ${name} is damaged or could not be restored; those that build on it cannot be, either.`,
    todo: fullBackup(name),
    ...measured('BrokenBackups', name),
    above: 0,
  },
  Drill: {
    name: `${name}-drill`,
    title: 'the last drill proved nothing',
    what: `The last drill of ${name} failed: its backup cannot be restored, or nobody knows whether it can be.`,
    todo: `lifeboat drill --source ${name}`,
    ...measured('DrillProven', name),
    below: 1,
    watched: { metric: metricOf('DrillProven', name), statistic: 'Minimum' },
    // until the next drill, however long that is
    periodSeconds: 300,
    periods: 1,
  },
});

/** Where a schedule takes them. */
const dumpsOf = ({ name, schedules }: { name: string; schedules: { dump?: string } }): Plans =>
  schedules.dump === undefined
    ? {}
    : {
        DumpOverdue: {
          name: `${name}-dump-overdue`,
          title: 'a dump is overdue',
          what: `A dump of ${name} that was due is not there.`,
          todo: `lifeboat dump ${name}`,
          ...measured('OverdueDumps', name),
          above: 0,
        },
        Dump: {
          name: `${name}-dump`,
          title: 'the last dump is not proven',
          what: `The last dump of ${name} cannot be read back or restored, or nobody knows whether it can be.`,
          todo: `lifeboat dump ${name}`,
          ...measured('DumpProven', name),
          below: 1,
          watched: { metric: metricOf('DumpProven', name), statistic: 'Minimum' },
          // until the next dump, however long that is
          periodSeconds: 300,
          periods: 1,
        },
      };
