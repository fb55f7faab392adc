import type { Plan } from '#model/plan';
import { type AlarmMetric, alarm } from './alarm.ts';
import { ref } from './intrinsics.ts';

/** What is not done while one of them fails. Those that machines ask are not among them: a machine tells of its failures. */
const functions: Record<string, { title: string; what: string; periods?: number }> = {
  Tell: { title: 'people cannot be told', what: 'At least one channel takes no notices; others may.' },
  Watch: { title: 'the watch cannot look', what: 'Nobody measures RPO, RTO and WAL lag meanwhile.' },
  TellIncidents: {
    title: 'people cannot be told of incidents',
    what: 'At least one channel takes no messages; others may. Nobody is called or reminded where it cannot run at all.',
  },
  WatchManaged: { title: 'the watch cannot look at RDS', what: 'Nobody measures the RPO of databases that RDS runs.' },
  ChecksumVerifier: {
    title: 'what is stored cannot be read back',
    what: 'WAL that nobody has verified does not count, so the RPO grows.',
  },
  MetadataIndexer: { title: 'what is stored is not listed', what: 'The catalog falls behind the bucket.' },
  SignEvidence: {
    title: 'the evidence is not signed',
    what: 'Who may write to the bucket could make its newest records anew.',
    periods: 1, // it runs once a day
  },
  StartScheduled: { title: 'what is due cannot be begun', what: 'Backups, dumps, drills and scrubs are left out.' },
};

/** Throttles may also be those of a stranger who floods its URL: what he sends is refused, and so is what Slack does. */
const bySlack: typeof functions = {
  SlackAnswer: {
    title: 'the buttons in Slack do not answer',
    what: 'Plans are answered by `lifeboat approve` meanwhile.',
  },
};

const byFailover: typeof functions = {
  WatchFailover: {
    title: 'the watch cannot look at the groups',
    what: 'Nobody proposes a failover meanwhile, and nobody is told of two primaries.',
  },
};

/**
 * Errors and throttles in a quarter of an hour on end: Lambda repeats what fails once, and what it gives up has the alarm of the
 * dead letters. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
 */
export function functionAlarms({ slack, failover }: Pick<Plan, 'slack' | 'failover'>): Record<string, object> {
  const watched = { ...functions, ...(slack && bySlack), ...(failover.length > 0 && byFailover) };
  return Object.fromEntries(
    Object.entries(watched).map(([name, { title, what, periods = 3 }]) => {
      const kebab = name.replace(/(?<=.)[A-Z]/g, '-$&').toLowerCase();
      const metric = (metricName: string): AlarmMetric => ({
        namespace: 'AWS/Lambda',
        name: metricName,
        dimensions: { FunctionName: ref(`${name}LambdaFunction`) },
      });
      return [
        `${name}FailsAlarm`,
        alarm({
          name: `${kebab}-fails`,
          title,
          what: `The function ${kebab} fails again and again, or may not run. ${what} Its log says why.`,
          todo: `aws logs tail --region \${AWS::Region} --since 1h /aws/lambda/\${${name}LambdaFunction}`,
          watched: {
            sumOf: { errors: metric('Errors'), throttles: metric('Throttles') },
            label: 'failed or refused invocations',
          },
          ...{ above: 0, periodSeconds: 300, periods },
          ...{ silence: 'nothing happened', ends: true, onlyActive: false },
        }),
      ];
    }),
  );
}
