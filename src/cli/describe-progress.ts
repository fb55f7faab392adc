import type { RunningTask } from '#local/running-task';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';

type Said = NonNullable<RunningTask['said']>;

/** What an execution's newest task said last: `{}` when it has none, or none that said anything. */
export function describeProgress(execution: string, tasks: readonly RunningTask[]): { doing?: string } {
  const own = tasks.filter((task) => task.execution === execution);
  const newest = own.reduce<RunningTask | undefined>((a, b) => (timeOf(a) > timeOf(b) ? a : b), undefined);
  if (!newest?.said) return {};
  return { doing: describeTask(newest)! };
}

/** `orders: copying: 1.00 MiB of 4.00 MiB, …`; undefined when it said nothing yet. */
export function describeTask({ about, said }: Pick<RunningTask, 'about' | 'said'>): string | undefined {
  return said && [about, describeSaid(said)].filter(Boolean).join(': ');
}

function describeSaid({ message, doneBytes, totalBytes, bytesPerSecond, secondsLeft }: Said): string {
  const parts = [
    ...(doneBytes === undefined ? [] : [formatBytes(doneBytes) + (totalBytes ? ` of ${formatBytes(totalBytes)}` : '')]),
    ...(bytesPerSecond === undefined ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft * 1000)} left`]),
  ];
  return parts.length === 0 ? message : `${message}: ${parts.join(', ')}`;
}

const timeOf = (task: RunningTask | undefined): string => task?.said?.time ?? '';
