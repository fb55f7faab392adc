import { AwsRefusal } from './strict-aws-signature.ts';
import { jsonProtocol, type ServiceCall, type StrictService, startStrictService } from './strict-service.ts';

export interface EcsService {
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  desiredCount: number;
  runningCount: number;
  pendingCount: number;
  schedulingStrategy: 'REPLICA' | 'DAEMON';
  deployments: { id: string; status: string; rolloutState?: string; rolloutStateReason?: string }[];
  events: { id: string; message: string }[];
}

export interface StrictEcs extends StrictService {
  /** `eu-west-1 shop/web`; a cluster is there when one of its services is */
  services: Map<string, EcsService>;
  /** one task starts, or stops, for each look at it */
  works: boolean;
}

export const ecsService = (more: Partial<EcsService> = {}): EcsService => ({
  ...{ status: 'ACTIVE', desiredCount: 0, runningCount: 0, pendingCount: 0, schedulingStrategy: 'REPLICA', events: [] },
  deployments: [{ id: 'ecs-svc/1', status: 'PRIMARY', rolloutState: 'COMPLETED' }],
  ...more,
});

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html */
export async function startStrictEcs(): Promise<StrictEcs> {
  const protocol = jsonProtocol('ecs', 'AWS_ENDPOINT_URL_ECS', 'AmazonEC2ContainerServiceV20141113');
  const ecs: StrictEcs = Object.assign(await startStrictService(protocol, (call) => answer(call, ecs)), {
    services: new Map<string, EcsService>(),
    works: true,
  });
  return ecs;
}

function answer({ operation, given, region }: ServiceCall, { services, works }: StrictEcs): unknown {
  const asked = given as { cluster: string; services?: string[]; service?: string; desiredCount?: number };
  const prefix = `${region} ${asked.cluster}/`;
  if (![...services.keys()].some((key) => key.startsWith(prefix)))
    throw new AwsRefusal(400, 'ClusterNotFoundException', 'Cluster not found.');
  const arn = (name: string) => `arn:aws:ecs:${region}:111122223333:service/${asked.cluster}/${name}`;
  const shown = (name: string, service: EcsService) => ({ ...service, serviceName: name, serviceArn: arn(name) });
  if (operation === 'DescribeServices') {
    const names = asked.services ?? [];
    const found = names.flatMap((name) => services.get(`${prefix}${name}`) ?? []);
    for (const service of found) if (works) step(service);
    return {
      services: names.flatMap((name) => {
        const service = services.get(`${prefix}${name}`);
        return service ? [shown(name, service)] : [];
      }),
      failures: names
        .filter((name) => !services.has(`${prefix}${name}`))
        .map((name) => ({ arn: arn(name), reason: 'MISSING' })),
    };
  }
  if (operation !== 'UpdateService') throw new AwsRefusal(400, 'UnknownOperationException', operation);
  const service = services.get(`${prefix}${asked.service}`);
  if (!service) throw new AwsRefusal(400, 'ServiceNotFoundException', 'Service not found.');
  if (service.status !== 'ACTIVE') throw new AwsRefusal(400, 'ServiceNotActiveException', 'Service was not ACTIVE.');
  if (service.schedulingStrategy === 'DAEMON')
    throw new AwsRefusal(
      400,
      'InvalidParameterException',
      'The daemon scheduling strategy does not support a desired count.',
    );
  service.desiredCount = asked.desiredCount!;
  return { service: shown(asked.service!, service) };
}

/** What was being started runs by the next look. */
function step(service: EcsService): void {
  if (service.runningCount > service.desiredCount) service.runningCount -= 1;
  service.runningCount += service.pendingCount;
  service.pendingCount = service.runningCount < service.desiredCount ? 1 : 0;
}
