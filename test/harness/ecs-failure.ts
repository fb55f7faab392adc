import { StatesError } from '#local/integration';

/** What Step Functions tells of a task that did not end well. */
export function ecsFailure(container: { ExitCode?: number; Reason?: string }, stoppedReason?: string): StatesError {
  const StoppedReason = stoppedReason ?? 'Essential container in task exited';
  return new StatesError(
    'States.TaskFailed',
    JSON.stringify({ Containers: [{ Name: 'task', ...container }], StoppedReason }),
  );
}
