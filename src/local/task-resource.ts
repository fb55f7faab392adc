import type { TaskCall } from './integration.ts';

export interface TaskResource {
  /** `lambda:invoke`; the ARN itself where it names no integration */
  resource: string;
  pattern: TaskCall['pattern'];
}

const suffixes: [string, TaskCall['pattern']][] = [
  ['.sync:2', 'sync:2'],
  ['.sync', 'sync'],
  ['.waitForTaskToken', 'token'],
];

/** What a Task's Resource says: `arn:aws:states:::ecs:runTask.sync` is `ecs:runTask`, to be waited for. */
export function parseResource(arn: string): TaskResource {
  const [suffix = '', pattern = 'request' as const] = suffixes.find(([end]) => arn.endsWith(end)) ?? [];
  return { resource: arn.slice(0, arn.length - suffix.length).replace(/^arn:aws[\w-]*:states:::/, ''), pattern };
}

/** As the history has it: `runTask.sync` of the type `ecs`. */
export function resourceDetails({ resource, pattern }: TaskResource): { resourceType: string; resource: string } {
  const [suffix = ''] = suffixes.find(([, name]) => name === pattern) ?? [];
  const cut = resource.lastIndexOf(':');
  return { resourceType: resource.slice(0, Math.max(0, cut)), resource: `${resource.slice(cut + 1)}${suffix}` };
}
