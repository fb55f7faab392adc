import { GetHealthCheckStatusCommand, type HealthCheckObservation, Route53Client } from '@aws-sdk/client-route-53';
import type { WitnessSays } from '#failover/witness-says';
import type { Witness } from '#model/failover-witness';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { sendAws } from './send-aws.ts';

/** As few as these say nothing for the world: Route 53 has checkers in eight regions. */
const fewestCheckers = 3;

/**
 * What the checkers of a health check of Route 53, all over the world, say of the primary. It is gone when Route 53 itself takes
 * it for unhealthy: at most 18 % of those that looked lately reach it. It is there when half of them do; between the two some
 * network has trouble, which says nothing of the primary. It throws for no answer.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
 */
export async function witnessRoute53(
  { healthCheck }: Extract<Witness, { kind: 'route53' }>,
  environment: Environment,
  signal: AbortSignal,
  now: () => Date = () => new Date(),
): Promise<WitnessSays> {
  const what = `route53 health check ${healthCheck}`;
  // the service has one region: https://docs.aws.amazon.com/general/latest/gr/r53.html
  const client = new Route53Client({ ...awsClientConfig(environment, 'route_53'), region: 'us-east-1' });
  const call = {
    action: 'route53:GetHealthCheckStatus',
    subject: `the health check ${healthCheck}`,
    place: 'Route 53',
  };
  try {
    const command = new GetHealthCheckStatusCommand({ HealthCheckId: healthCheck });
    const told = await sendAws(call, signal, (how) => client.send(command, how));
    return { what, ...judge(told.HealthCheckObservations ?? [], now()) };
  } catch (failure) {
    signal.throwIfAborted();
    return { what, says: 'unknown', detail: (failure as Error).message };
  }
}

/** A checker looks every 10 or 30 seconds; what is older is no word about now. */
const freshMs = 3 * 60_000;

function judge(all: readonly HealthCheckObservation[], now: Date): Pick<WitnessSays, 'says' | 'detail'> {
  const fresh = all.filter(({ StatusReport: report }) => {
    const at = report?.CheckedTime?.getTime();
    return at !== undefined && now.getTime() - at <= freshMs;
  });
  const well = fresh.filter(({ StatusReport: report }) => /^Success\b/i.test(report?.Status ?? '')).length;
  const detail = `${fresh.length - well} of ${fresh.length} checkers see it fail`;
  if (fresh.length < fewestCheckers) return { says: 'unknown', detail: `only ${fresh.length} checkers looked lately` };
  const share = well / fresh.length;
  return { says: share <= 0.18 ? 'gone' : share >= 0.5 ? 'there' : 'unknown', detail };
}
