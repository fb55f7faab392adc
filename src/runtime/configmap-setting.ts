import type { Movable } from '#failover/movable';
import type { MovedSetting } from '#model/failover-settings';
import { ServerUnsuitable } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { kubernetesApi, namespaced } from './kubernetes-api.ts';
import { problemOf, problemsFrom } from './move-failure.ts';

type ConfigmapSetting = MovedSetting & { kind: 'configmap' };

/**
 * One key of a ConfigMap. Pods that mount it see the new value within about a minute, pods that have it in their environment once
 * they start anew, and neither can be asked here.
 * https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
 */
export function configmapSetting(one: ConfigmapSetting, environment: Environment): Movable {
  const api = kubernetesApi(one.cluster, environment);
  const path = namespaced('api/v1', one.namespace, `configmaps/${one.name}`);
  const named = `the ConfigMap ${one.namespace}/${one.name}`;
  const look = async (signal: AbortSignal) => (await api.get(path, signal)) as ConfigMap | undefined;
  const unsuitable = (what: string, hint: string) =>
    new ServerUnsuitable(what, { operation: 'ask Kubernetes', subject: named, hint });
  const missing = () =>
    unsuitable(
      `there is no ConfigMap ${one.namespace}/${one.name} in ${api.place}`,
      'make it there, or check the plan',
    );
  const immutable = () =>
    unsuitable(`${named} is immutable`, 'make it anew without immutable, or let the plan name another one');
  return {
    part: 'settings',
    what: `configmap ${one.namespace}/${one.name}#${one.key} in ${api.place}`,
    wanted: (primary) => one.values[primary]!,
    read: async (signal) => keyOf(await look(signal), one.key),
    put: async (value, signal) => {
      const map = await look(signal);
      if (keyOf(map, one.key) === value) return null;
      if (!map) throw missing();
      if (map.immutable) throw immutable();
      // null takes a key away: https://www.rfc-editor.org/rfc/rfc7386
      if (!(await api.patch(path, { data: { [one.key]: value } }, { signal }))) throw missing();
      return null;
    },
    settled: async () => true,
    check: (signal) =>
      problemsFrom(async () => {
        const map = await look(signal);
        if (!map) return [problemOf(missing())];
        if (map.immutable) return [problemOf(immutable())];
        const value = keyOf(map, one.key);
        await api.patch(path, { data: { [one.key]: value } }, { dryRun: true, signal });
        return value === null ? [`${named} has no key ${one.key}: nobody is configured by it`] : [];
      }),
  };
}

interface ConfigMap {
  immutable?: boolean;
  data?: Record<string, string>;
}

const keyOf = (map: ConfigMap | undefined, key: string): string | null =>
  map?.data !== undefined && Object.hasOwn(map.data, key) ? map.data[key]! : null;
