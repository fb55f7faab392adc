import { z } from 'zod';
import { recordVerification } from '#catalog/proofs';
import { readTaskOutcome, type TaskOutcome } from '#catalog/task-outcome';
import { type BackupId, isBackupId } from '#model/backup-id';
import { brief } from '#model/brief';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { describeVerification, type StepFailure, type VerifyProblem } from '#model/verify-problem';
import { edge } from './edge.ts';

/**
 * What reading a backup back found, of all steps together. Damage counts whatever else happened; without damage it
 * counts only when every step has looked.
 */
export const handler = edge({
  name: 'conclude-verify',
  input: fields({
    source: text('the name of a source'),
    backup: z.custom<BackupId>((id) => typeof id === 'string' && isBackupId(id), 'a backup id'),
    execution: text("the execution's ARN"),
    steps: z
      .array(
        fields({
          resultKey: text('a key'),
          failure: z.looseObject({ name: z.string(), message: z.string() }).nullable(),
        }),
      )
      .min(1),
  }),

  async run({ source, backup, execution, steps }, { vault }) {
    const looked: TaskOutcome<'verify-part'>[] = [];
    const failures: StepFailure[] = [];
    for (const { resultKey, failure } of steps) {
      if (failure === null) looked.push(await readTaskOutcome(vault.store, 'verify-part', resultKey));
      else failures.push({ step: resultKey, name: failure.name, message: failure.message });
    }
    const damage = [...new Set(looked.flatMap(({ result }) => result.damage))];
    const problem: VerifyProblem | null = describeVerification({ source, backup, damage, failures });
    if (problem?.name === 'VerifyIncomplete') return { source, backup, ok: false, problem: brief(problem, 4000) };
    const ends = looked.map(({ finishedAt }) => finishedAt.getTime());
    const begun = Math.min(...looked.map(({ startedAt }) => startedAt.getTime()));
    const at = new Date(Math.max(...ends));
    const durationMs = at.getTime() - begun;
    const ok = damage.length === 0;
    await recordVerification(vault.store, { source, backup, ok, damage, at: at.toISOString(), execution, durationMs });
    return { source, backup, ok, problem: problem && brief(problem, 4000) };
  },
});
