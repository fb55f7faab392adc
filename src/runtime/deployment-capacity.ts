import { capacityText, isEnough, parseCapacity, wasPutBack } from '#failover/capacity-text';
import type { Movable } from '#failover/movable';
import type { Capacity } from '#model/failover-capacity';
import { ServerUnsuitable } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { putBack } from './capacity-failure.ts';
import { kubernetesApi, namespaced } from './kubernetes-api.ts';
import { problemOf, problemsFrom } from './move-failure.ts';

type DeploymentCapacity = Capacity & { kind: 'deployment' };

/**
 * How many replicas a Deployment is to have, by its scale: nothing else of it is touched. `settled`: its controller has seen the
 * change, and so many of them are ready.
 * https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/
 */
export function deploymentCapacity(one: DeploymentCapacity, environment: Environment): Movable {
  const api = kubernetesApi(one.cluster, environment);
  const path = namespaced('apis/apps/v1', one.namespace, `deployments/${one.name}`);
  const named = `the deployment ${one.namespace}/${one.name}`;
  const look = async (signal: AbortSignal) => (await api.get(path, signal)) as Deployment | undefined;
  const missing = () =>
    new ServerUnsuitable(`there is no deployment ${one.namespace}/${one.name} in ${api.place}`, {
      ...{ operation: 'ask Kubernetes', subject: named },
      hint: 'deploy it there, with no replicas if need be, or take it out of the plan',
    });
  return {
    part: 'capacity',
    what: `deployment ${one.namespace}/${one.name} in ${api.place}`,
    site: one.site,
    wanted: (primary) => capacityText(primary === one.site ? one.active : one.idle),
    read: async (signal) => {
      const deployment = await look(signal);
      return deployment ? capacityText(replicasOf(deployment)) : null;
    },
    put: async (value, signal) => {
      // what is not there has no capacity to take away
      if (value === null) return null;
      const replicas = parseCapacity(value);
      const deployment = await look(signal);
      if (!deployment) throw missing();
      const changed =
        replicasOf(deployment) === replicas || (await api.patch(`${path}/scale`, { spec: { replicas } }, { signal }));
      if (!changed) throw missing();
      return value;
    },
    settled: async (change, signal) => {
      const deployment = await look(signal);
      if (!deployment) throw missing();
      return isSettled(named, deployment, parseCapacity(change));
    },
    check: (signal) =>
      problemsFrom(async () => {
        const deployment = await look(signal);
        if (!deployment) return [problemOf(missing())];
        // asked for in earnest and not stored: rights, quotas, webhooks
        await api.patch(`${path}/scale`, { spec: { replicas: one.active } }, { dryRun: true, signal });
        return [];
      }),
  };
}

interface Deployment {
  metadata?: { generation?: number };
  spec?: { replicas?: number };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    readyReplicas?: number;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

/** https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#replicas */
const replicasOf = ({ spec }: Deployment): number => spec?.replicas ?? 1;

/** @throws ServerUnsuitable when its pods do not become ready, TrafficNotMoved when somebody else changed the number */
function isSettled(named: string, deployment: Deployment, wanted: number): boolean {
  const { metadata, status = {} } = deployment;
  if (wasPutBack(wanted, replicasOf(deployment))) throw putBack(named, wanted, replicasOf(deployment));
  if ((status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return false;
  const { replicas = 0, readyReplicas = 0 } = status;
  if (wanted === 0 ? replicas === 0 : isEnough(wanted, readyReplicas)) return true;
  const progress = status.conditions?.find(({ type }) => type === 'Progressing');
  if (progress?.status !== 'False') return false;
  const why = [progress.reason, progress.message].filter(Boolean).join(': ');
  throw new ServerUnsuitable(`the pods of ${named} do not become ready: ${why}`, {
    ...{ operation: 'settle capacity', subject: named },
    hint: "see the deployment's events: room on the nodes, the image, its probes",
  });
}
