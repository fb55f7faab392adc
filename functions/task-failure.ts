import { z } from 'zod';
import { readTaskFailure } from '#catalog/task-outcome';
import { brief } from '#model/brief';
import { type Explanation, explainError } from '#model/explain-error';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/** Why a task failed: what it said itself, or else what Step Functions saw of it. */
export const handler = edge({
  name: 'task-failure',
  input: fields({
    resultKey: text('the key of a task result'),
    /** when this attempt began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
    error: z.looseObject({ Error: z.string(), Cause: z.string().optional() }, 'what a Catch found'),
  }),

  async run({ resultKey, since, error }, { vault }, logger): Promise<Explanation> {
    // what was told to end since its time was over says that somebody told it to end
    if (error.Error === 'States.Timeout') return explainError(error);
    const told = await readTaskFailure(vault.store, resultKey, since).catch((failure: Error) => {
      logger.warn(`${resultKey}: the task's own failure cannot be read`, failure);
      return undefined;
    });
    return brief(told ?? explainError(error), 2000);
  },
});
