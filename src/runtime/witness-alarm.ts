import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import type { WitnessSays } from '#failover/witness-says';
import type { Witness } from '#model/failover-witness';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { sendAws } from './send-aws.ts';

/**
 * What an alarm of CloudWatch, of either kind, says of the primary: it is gone while the alarm is in ALARM. Missing data are no
 * word against the primary. It throws for no answer.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
 */
export async function witnessAlarm(
  { alarm, region }: Extract<Witness, { kind: 'alarm' }>,
  environment: Environment,
  signal: AbortSignal,
): Promise<WitnessSays> {
  const what = `alarm ${alarm} in ${region}`;
  const client = new CloudWatchClient({ ...awsClientConfig(environment, 'cloudwatch'), region });
  // without types only those of metrics are told
  const command = new DescribeAlarmsCommand({ AlarmNames: [alarm], AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] });
  const call = { action: 'cloudwatch:DescribeAlarms', subject: `the alarm ${alarm}`, place: `CloudWatch in ${region}` };
  try {
    const told = await sendAws(call, signal, (how) => client.send(command, how));
    const found = [...(told.MetricAlarms ?? []), ...(told.CompositeAlarms ?? [])].find(
      (one) => one.AlarmName === alarm,
    );
    if (!found) return { what, says: 'unknown', detail: 'there is no such alarm' };
    const { StateValue: state = 'unknown', StateReason: reason } = found;
    const since = found.StateTransitionedTimestamp ?? found.StateUpdatedTimestamp;
    const says = state === 'ALARM' ? 'gone' : state === 'OK' ? 'there' : 'unknown';
    const detail = `${state}${since ? ` since ${since.toISOString()}` : ''}${reason ? `: ${reason.slice(0, 300)}` : ''}`;
    return { what, says, detail };
  } catch (failure) {
    signal.throwIfAborted();
    return { what, says: 'unknown', detail: (failure as Error).message };
  }
}
