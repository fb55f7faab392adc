import type { Exit } from './journal-record.ts';
import { evaluationFailed, leave, typedValue, type Visit, wholeNumber } from './state-visit.ts';
import { timeOfTimestamp } from './timestamp.ts';
import { waitUntil } from './wait-until.ts';

/** Waits until its time has come, also when the engine was not there in between. */
export async function runWait(visit: Visit): Promise<Exit> {
  const { run, key, log, state, input } = visit;
  if (log.waiting === undefined) run.append({ type: 'waiting', key, until: await timeOf(visit) });
  await waitUntil(visit, log.waiting!);
  return leave(visit, { ...state, next: state.Next }, input);
}

async function timeOf(visit: Visit): Promise<number> {
  const seconds = await wholeNumber(visit, 'Seconds', 0, mostSeconds);
  if (seconds !== undefined) return visit.log.entered!.at + seconds * 1000;
  const timestamp = await typedValue(visit, visit.state.Timestamp!, 'Timestamp', 'string');
  const time = timeOfTimestamp(timestamp);
  if (time !== undefined) return time;
  throw evaluationFailed(visit, `The Timestamp field is not an RFC 3339 timestamp: ${timestamp}`, 'Timestamp');
}

/** What an expression may say, though a definition may not: three hundred years, which a date can be told from. */
const mostSeconds = 9_999_999_999;
