import type { Exit } from './journal-record.ts';
import { StateFailed } from './state-failed.ts';
import { typedValue, type Visit } from './state-visit.ts';

/** Ends its scope with the error that it says, word for word. */
export async function runFail(visit: Visit): Promise<Exit> {
  const { Error: error = '', Cause: cause = '' } = visit.state;
  throw new StateFailed(
    await typedValue(visit, error, 'Error', 'string'),
    await typedValue(visit, cause, 'Cause', 'string'),
    'silent',
  );
}
