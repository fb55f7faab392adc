import { hasExpired } from '#catalog/has-expired';
import { recordVerification } from '#catalog/proofs';
import { readTaskOutcome, type TaskOutcome } from '#catalog/task-outcome';
import type { BackupId } from '#model/backup-id';
import { ResultMissing } from '#model/result-missing';
import { describeVerification, expiredMeanwhile, type StepFailure, type VerifyProblem } from '#model/verify-problem';
import type { ObjectStore } from '#store/object-store';

export interface EndedVerification {
  source: string;
  backup: BackupId;
  /** of its manifest */
  version: string;
  /** ARN */
  execution: string;
  /** when the execution began */
  since: Date;
  /** at least one; where each left its result, or why it left none */
  steps: readonly { resultKey: string; failure: { name: string; message: string } | null }[];
}

/**
 * What reading a backup back found, of all steps together. Damage is recorded whatever else happened; that there is none
 * only when every step has looked; and nothing of a backup that has expired meanwhile. The same once more changes nothing.
 */
export async function concludeVerification(
  store: ObjectStore,
  { source, backup, version, execution, since, steps }: EndedVerification,
): Promise<{ ok: boolean; problem: VerifyProblem | null }> {
  if (await hasExpired(store, source, backup)) return { ok: false, problem: expiredMeanwhile(source, backup) };
  const looked: TaskOutcome<'verify-part'>[] = [];
  const failures: StepFailure[] = [];
  for (const { resultKey, failure } of steps) {
    if (failure === null) looked.push(await outcomeOf(store, resultKey, { source, backup, since }));
    else failures.push({ step: resultKey, name: failure.name, message: failure.message });
  }
  const damage = [...new Set(looked.flatMap(({ result }) => result.damage))];
  const problem = describeVerification({ source, backup, damage, failures });
  if (problem?.name === 'VerifyIncomplete') return { ok: false, problem };
  const ok = damage.length === 0;
  const times = whenOf(looked);
  await recordVerification(store, { source, backup, version, ok, damage, execution, ...times });
  return { ok, problem };
}

/** @throws ResultMissing when it looked at something else; like readTaskOutcome */
async function outcomeOf(
  store: ObjectStore,
  resultKey: string,
  { source, backup, since }: Pick<EndedVerification, 'source' | 'backup' | 'since'>,
): Promise<TaskOutcome<'verify-part'>> {
  const outcome = await readTaskOutcome(store, 'verify-part', resultKey, since);
  const { result } = outcome;
  if (result.source === source && result.backup === backup) return outcome;
  throw new ResultMissing(`${resultKey} is about ${result.source}/${result.backup}, and not ${source}/${backup}`, {
    operation: 'conclude verification',
    subject: resultKey,
    hint: 'nothing was read this time: start the machine again under another name',
  });
}

function whenOf(looked: readonly TaskOutcome<'verify-part'>[]): { at: string; durationMs: number } {
  const begun = Math.min(...looked.map(({ startedAt }) => startedAt.getTime()));
  const ended = Math.max(...looked.map(({ finishedAt }) => finishedAt.getTime()));
  return { at: new Date(ended).toISOString(), durationMs: ended - begun };
}
