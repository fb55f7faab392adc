import { z } from 'zod';
import { readTaskOutcome } from '#catalog/task-outcome';
import { brief } from '#model/brief';
import { oneOf, text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/** What a task that ended well left, shortened to what a machine may carry. @throws ResultMissing */
export const handler = edge({
  name: 'task-result',
  input: fields({
    task: oneOf(['base-backup', 'verify-part', 'restore', 'drill', 'dump', 'prove-dump', 'rebuild-standby']),
    resultKey: text('the key of a task result'),
    /** when the execution began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
  }),

  async run({ task, resultKey, since }, { vault }) {
    return brief((await readTaskOutcome(vault.store, task, resultKey, since)).result);
  },
});
