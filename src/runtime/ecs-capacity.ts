import { DescribeServicesCommand, ECSClient, type Service, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { capacityText, isEnough, parseCapacity, wasPutBack } from '#failover/capacity-text';
import type { Movable } from '#failover/movable';
import type { Capacity } from '#model/failover-capacity';
import { ServerUnsuitable } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { awsClientConfig } from './aws-client-config.ts';
import { putBack } from './capacity-failure.ts';
import { answerOf, type Meanings, problemOf, problemsFrom } from './move-failure.ts';

type EcsCapacity = Capacity & { kind: 'ecs' };

/**
 * How many tasks a service of ECS is to run. `settled`: so many run, none is still starting, and no deployment goes on. Whether
 * Application Auto Scaling would change the number is only seen once it has.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
 */
export function ecsCapacity(one: EcsCapacity, environment: Environment): Movable {
  const client = new ECSClient({ ...awsClientConfig(environment, 'ecs'), region: one.region });
  const call = (action: string) => ({
    ...{ action: `ecs:${action}`, subject: `the service ${one.cluster}/${one.service}` },
    place: `ECS in ${one.region}`,
  });
  const look = async (abortSignal: AbortSignal): Promise<Service | undefined> => {
    const given = { cluster: one.cluster, services: [one.service] };
    const asked = client.send(new DescribeServicesCommand(given), { abortSignal });
    const { services = [] } = await answerOf(asked, call('DescribeServices'), meanings);
    // one that was deleted is told of for a while
    return services.find(({ status }) => status === 'ACTIVE');
  };
  return {
    part: 'capacity',
    what: `ecs ${one.cluster}/${one.service} in ${one.region}`,
    site: one.site,
    wanted: (primary) => capacityText(primary === one.site ? one.active : one.idle),
    read: async (signal) => {
      const service = await look(signal);
      return service ? capacityText(service.desiredCount!) : null;
    },
    put: async (value, abortSignal) => {
      // what is not there has no capacity to take away
      if (value === null) return null;
      const desiredCount = parseCapacity(value);
      const service = await look(abortSignal);
      if (!service) throw missing(one);
      if (service.desiredCount !== desiredCount) {
        const given = { cluster: one.cluster, service: one.service, desiredCount };
        await answerOf(client.send(new UpdateServiceCommand(given), { abortSignal }), call('UpdateService'), meanings);
      }
      return value;
    },
    settled: async (change, signal) => {
      const service = await look(signal);
      if (!service) throw missing(one);
      return isSettled(one, service, parseCapacity(change));
    },
    check: (signal) =>
      problemsFrom(async () => {
        const service = await look(signal);
        return service ? problemsOf(one, service) : [problemOf(missing(one))];
      }),
  };
}

/** @throws ServerUnsuitable when its tasks do not start, TrafficNotMoved when somebody else changed the number */
function isSettled(one: EcsCapacity, service: Service, wanted: number): boolean {
  const { desiredCount = 0, runningCount = 0, pendingCount = 0, deployments = [] } = service;
  if (wasPutBack(wanted, desiredCount))
    throw putBack(`the service ${one.cluster}/${one.service}`, wanted, desiredCount);
  const failed = deployments.find(({ rolloutState }) => rolloutState === 'FAILED');
  if (failed && !isEnough(wanted, runningCount)) throw rolledBack(one, failed.rolloutStateReason, service);
  // of services that CodeDeploy or somebody else deploys there is no state
  const rolledOut = deployments.every(({ rolloutState = 'COMPLETED' }) => rolloutState !== 'IN_PROGRESS');
  return isEnough(wanted, runningCount) && pendingCount === 0 && rolledOut;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html#service_scheduler */
function problemsOf(
  { cluster, service: name }: EcsCapacity,
  { schedulingStrategy, deployments = [] }: Service,
): string[] {
  const named = `the service ${cluster}/${name}`;
  if (schedulingStrategy === 'DAEMON')
    return [`${named} runs one task on each machine (DAEMON): its number cannot be said; leave it out of the plan`];
  const failed = deployments.find(({ rolloutState }) => rolloutState === 'FAILED');
  return failed ? [`the last deployment of ${named} failed: ${failed.rolloutStateReason ?? 'it is not said why'}`] : [];
}

const missing = ({ cluster, service, region }: EcsCapacity): ServerUnsuitable =>
  new ServerUnsuitable(`there is no active service ${cluster}/${service} in ${region}`, {
    ...{ operation: 'ecs:DescribeServices', subject: `${cluster}/${service}` },
    hint: 'deploy it there, with a desired count of 0 if need be, or take it out of the plan',
  });

function rolledBack(
  { cluster, service }: EcsCapacity,
  reason: string | undefined,
  { events }: Service,
): ServerUnsuitable {
  const last = events?.[0]?.message;
  const why = [reason, last].filter((text) => text !== undefined).join('; ');
  return new ServerUnsuitable(`the tasks of ${cluster}/${service} do not start: ${why || 'it is not said why'}`, {
    ...{ operation: 'ecs:DescribeServices', subject: `${cluster}/${service}` },
    hint: "see the service's events and the logs of its tasks",
  });
}

const inPlan = 'check the names of the cluster and the service, and the region, in the plan';

const meanings: Meanings = {
  ClusterNotFoundException: { hint: inPlan },
  ServiceNotFoundException: { hint: inPlan },
  ServiceNotActiveException: { hint: 'the service was deleted: deploy it again, or take it out of the plan' },
  InvalidParameterException: { hint: 'see what it says of the service, and of the count in the plan' },
  ClientException: { hint: inPlan },
  PlatformUnknownException: { hint: 'deploy the service with a platform version that there is' },
  PlatformTaskDefinitionIncompatibilityException: { hint: 'deploy the service with a platform version that fits' },
  NamespaceNotFoundException: { hint: 'the namespace of its Service Connect is gone: deploy the service anew' },
  UnsupportedFeatureException: { hint: 'this region does not have what the service uses' },
  ServerException: { hint: 'AWS has a problem: try again in a minute', passes: true },
};
