import { formatTable } from '#cli/format-table';
import { type HistoryLine, printHistoryLine } from '#cli/history-lines';
import { formatDuration } from '#model/duration';
import type { ExecutionStanding, ExecutionSummary } from '#runtime/machines';

/** A line for each, newest first. */
export function describeExecutions(executions: readonly ExecutionSummary[], now: Date): string {
  if (executions.length === 0) return 'nothing was run yet';
  const rows = executions.map((execution) => [
    execution.machine,
    execution.name,
    execution.status,
    execution.startedAt.toISOString(),
    tookOf(execution, now),
  ]);
  return formatTable([['MACHINE', 'EXECUTION', 'STATUS', 'STARTED', 'TOOK'], ...rows]);
}

interface Told {
  lines: readonly HistoryLine[];
  /** of how many children nothing is shown */
  untold: number;
  asked?: readonly string[];
  /** the plan that it waits for a yes to, and how to answer */
  waits?: readonly string[] | undefined;
}

/** One of them, with what happened in it. */
export function describeExecution(
  execution: ExecutionStanding,
  { lines, untold, asked = [], waits = [] }: Told,
  now: Date,
): string {
  const { machine, name, status, startedAt, error, cause } = execution;
  return [
    `${machine} ${name}: ${status}`,
    `  started      ${startedAt.toISOString()}, ${status === 'RUNNING' ? 'runs for' : 'took'} ${tookOf(execution, now)}`,
    `  input        ${JSON.stringify(execution.input)}`,
    ...(error === undefined ? [] : [`  failed       ${error}: ${indent(cause ?? 'without a cause')}`]),
    ...asked.map((line, index) => `  ${(index === 0 ? 'asked' : '').padEnd(13)}${indent(line)}`),
    ...lines.map((line) => `  ${line.at.toISOString().slice(11, 19)}     ${indent(printHistoryLine(line))}`),
    ...(untold === 0 ? [] : [`  and ${untold} more within its Maps, which are not shown one by one`]),
    ...waits,
  ].join('\n');
}

export const tookOf = ({ startedAt, stoppedAt }: { startedAt: Date; stoppedAt: Date | undefined }, now: Date): string =>
  formatDuration((stoppedAt ?? now).getTime() - startedAt.getTime());

const indent = (text: string): string => text.split('\n').join('\n               ');
