import type { Plan } from '#model/plan';
import { type AlarmMetric, alarm } from './alarm.ts';
import { machinesOf } from './deployed.ts';
import { ref } from './intrinsics.ts';
import { logicalName } from './logical-name.ts';

/** What it means that one of a machine's executions ended badly. */
const machines: Record<string, { title: string; what: string }> = {
  backup: { title: 'a backup failed', what: 'At least one source has no new backup.' },
  verify: { title: 'a backup could not be verified', what: 'It is damaged, or nobody knows whether it is.' },
  drill: { title: 'a drill failed', what: 'A backup could not be restored, or nobody knows whether it can be.' },
  dump: {
    title: 'a dump failed',
    what: 'A source has no new dump, or nobody knows whether it can be restored.',
  },
  restore: { title: 'a restore failed', what: 'What was to be restored is not.' },
  'rds-snapshot': { title: 'a snapshot failed', what: 'A database of RDS has no new snapshot, or no copy of it.' },
  'rds-restore': { title: 'a restore in RDS failed', what: 'What was to be restored is not.' },
  retention: {
    title: 'retention failed',
    what: 'What should be gone is still stored, or something that is kept lacks a part.',
  },
  scrub: { title: 'stored backups could not be read back', what: 'One is damaged, or nobody knows whether it is.' },
  failover: {
    title: 'a failover ended badly',
    what: 'The primary was not moved, or not all that follows it: started again, it does what is left.',
  },
  failback: { title: 'a failback ended badly', what: 'The primary is not at home.' },
  'system-recovery': {
    title: 'a system could not be recovered',
    what: 'It is as it was before, or its evidence says what is not.',
  },
};

/**
 * A machine tells of its failures itself, and EventBridge of its death: who heard of it that way is not told once more
 * (src/notify/echo.ts). These are for the day on which neither came through.
 * https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
 */
export function machineAlarms(plan: Pick<Plan, 'failover' | 'systems'>): Record<string, object> {
  return Object.fromEntries(
    machinesOf(plan).map((machine) => {
      const { title, what } = machines[machine]!;
      const resource = logicalName(machine);
      const metric = (name: string): AlarmMetric => ({
        namespace: 'AWS/States',
        name,
        dimensions: { StateMachineArn: ref(`${resource}StateMachine`) },
      });
      return [
        `${resource}FailedAlarm`,
        alarm({
          name: `${machine}-failed`,
          title,
          what: `An execution of the ${machine} machine failed, ran out of time or was stopped. ${what}`,
          todo: 'lifeboat executions',
          watched: {
            sumOf: {
              failed: metric('ExecutionsFailed'),
              timedOut: metric('ExecutionsTimedOut'),
              aborted: metric('ExecutionsAborted'),
            },
            label: 'executions that ended badly',
          },
          ...{ above: 0, periodSeconds: 300, periods: 1 },
          ...{ silence: 'nothing happened', ends: false, onlyActive: false },
        }),
      ];
    }),
  );
}
