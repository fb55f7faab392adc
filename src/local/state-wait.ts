import type { Exit } from './journal-record.ts';
import { evaluationFailed, leave, longestSeconds, typedValue, type Visit, wholeNumber } from './state-visit.ts';
import { waitUntil } from './wait-until.ts';

/** Waits until its time has come, also when the engine was not there in between. */
export async function runWait(visit: Visit): Promise<Exit> {
  const { run, key, log, state, input } = visit;
  if (log.waiting === undefined) run.append({ type: 'waiting', key, until: await timeOf(visit) });
  await waitUntil(visit, log.waiting!);
  return leave(visit, { ...state, next: state.Next }, input);
}

async function timeOf(visit: Visit): Promise<number> {
  const seconds = await wholeNumber(visit, 'Seconds', 0, longestSeconds);
  if (seconds !== undefined) return visit.log.entered!.at + seconds * 1000;
  const timestamp = await typedValue(visit, visit.state.Timestamp!, 'Timestamp', 'string');
  const time = Date.parse(timestamp);
  if (timestampPattern.test(timestamp) && Number.isFinite(time)) return time;
  throw evaluationFailed(visit, `The Timestamp field is not an RFC 3339 timestamp: ${timestamp}`, 'Timestamp');
}

/** RFC 3339 with capital T and Z. https://states-language.net/#timestamps */
const timestampPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
