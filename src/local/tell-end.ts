import { formatDuration } from '#model/duration';
import type { Execution } from './executions.ts';
import type { LocalLog } from './local-log.ts';

/** A line in the log for each execution that has ended. */
export function tellEnd({ machine, name, startDate, ending }: Execution, log: LocalLog): void {
  if (!ending) return;
  const took = formatDuration(Date.parse(ending.stopDate) - Date.parse(startDate));
  const how = [`${ending.status} after ${took}`, ending.error, ending.cause].filter((text) => text !== undefined);
  if (ending.status === 'SUCCEEDED') log.info(`${machine} ${name} succeeded after ${took}`);
  else log.error(`${machine} ${name}: ${how.join(': ').slice(0, 1000)}`);
}
