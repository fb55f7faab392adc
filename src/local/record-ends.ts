import { recordEnding } from '#catalog/record-ending';
import type { Plan } from '#model/plan';
import type { ObjectStore } from '#store/object-store';
import type { Execution, Executions } from './executions.ts';
import type { LocalLog } from './local-log.ts';

interface EvidencePlace {
  store: ObjectStore;
  plan: Plan;
  log: LocalLog;
}

/** Record the end of one that could not do so itself: stopped, out of time, or dead. What the bucket refuses now, `recordEnds` does later. */
export async function recordEnd(
  { ending, ...execution }: Execution,
  { store, plan, log }: EvidencePlace,
): Promise<void> {
  if (!ending) return;
  const { arn, machine, name, startDate, input } = execution;
  const { status, stopDate, error, cause } = ending;
  await recordEnding(store, plan, {
    arn,
    machine,
    status,
    startedAt: startDate,
    endedAt: stopDate,
    input,
    error,
    cause,
  }).catch((failure: Error) =>
    log.warn(`the end of ${machine} ${name} is not in the evidence yet: ${failure.message}`),
  );
}

/** Of what ended earlier there is nothing left to see elsewhere, either. */
const lookBackMs = 7 * 24 * 3_600_000;

/** The same of those that ended lately, while nobody was here to see it or the bucket did not answer. */
export async function recordEnds(executions: Executions, now: Date, place: EvidencePlace): Promise<void> {
  const since = now.getTime() - lookBackMs;
  for (const { arn, status, stopDate } of executions.list()) {
    if (status === 'SUCCEEDED' || stopDate === undefined || Date.parse(stopDate) < since) continue;
    const ended = await executions.find(arn);
    if (ended) await recordEnd(ended, place);
  }
}
