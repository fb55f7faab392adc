import { InputInvalid } from '#model/failure';
import { nearest } from '#model/nearest';
import type { Task } from './task.ts';

/** Every task by its name on the command line. Only the one that is wanted is loaded. */
const loaders: Readonly<Record<string, () => Promise<{ task: Task }>>> = {
  'base-backup': () => import('./base-backup-task.ts'),
  'receive-wal': () => import('./receive-wal-task.ts'),
  'verify-part': () => import('./verify-part-task.ts'),
  restore: () => import('./restore-task.ts'),
  drill: () => import('./drill-task.ts'),
  expire: () => import('./expire-task.ts'),
  dump: () => import('./dump-task.ts'),
  'prove-dump': () => import('./prove-dump-task.ts'),
  'rebuild-standby': () => import('./rebuild-standby-task.ts'),
};

export const taskNames: readonly string[] = Object.keys(loaders);

/** @throws InputInvalid that names those there are */
export async function loadTask(name: string | undefined): Promise<Task> {
  const load = Object.hasOwn(loaders, name ?? '') ? loaders[name!] : undefined;
  if (load) return (await load()).task;
  const meant = nearest(name ?? '', taskNames);
  const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
  throw new InputInvalid('task', name, `one of ${taskNames.join(', ')}`, hint);
}
