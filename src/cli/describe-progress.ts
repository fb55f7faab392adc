import type { RunningTask } from '#local/running-task';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';

/** What an execution's newest task said last: `{}` when it has none, or none that said anything. */
export function describeProgress(execution: string, tasks: readonly RunningTask[]): { doing?: string } {
  const said = tasks.filter((task) => task.execution === execution && task.said).map((task) => task.said!);
  const newest = said.reduce<(typeof said)[number] | undefined>((a, b) => (a && a.time > b.time ? a : b), undefined);
  if (!newest) return {};
  const { message, doneBytes, totalBytes, bytesPerSecond, secondsLeft } = newest;
  const parts = [
    ...(doneBytes === undefined ? [] : [formatBytes(doneBytes) + (totalBytes ? ` of ${formatBytes(totalBytes)}` : '')]),
    ...(bytesPerSecond === undefined ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    ...(secondsLeft === undefined ? [] : [`${formatDuration(secondsLeft * 1000)} left`]),
  ];
  return { doing: parts.length === 0 ? message : `${message}: ${parts.join(', ')}` };
}
