import type { State } from '#runbook/machine';

/** Whether a state that is come to after a failure takes back what was begun: undo functions, and tasks that clean up. */
export const undoes = ({ Type, Resource = '', Arguments }: State): boolean =>
  Type === 'Task' && (/\$\{Undo\w+\}/.test(JSON.stringify(Arguments ?? '')) || Resource.includes('ecs:runTask'));
