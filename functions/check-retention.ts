import { z } from 'zod';
import { checkKept } from '#catalog/check-kept';
import { readRetentionPlan } from '#catalog/retention-plan';
import { readTaskOutcome } from '#catalog/task-outcome';
import { describeExpiry } from '#model/describe-expiry';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { edge } from './edge.ts';

/**
 * What was to stay is there, with its WAL, and can be restored as the plan promised. @throws ObjectMissing, ObjectDamaged,
 * WalBroken; ResultMissing
 */
export const handler = edge({
  name: 'check-retention',
  input: fields({
    source: text('the name of a source'),
    planKey: text("a retention plan's key"),
    planHash: text('the hash of that plan'),
    resultKey: text('the key of a task result'),
    /** when the execution began */
    since: z.iso.datetime('an instant').transform((since) => new Date(since)),
  }),

  async run({ source, planKey, planHash, resultKey, since }, { plan, vault: { store }, now }) {
    const shown = await readRetentionPlan(store, { planKey, planHash, source });
    const { result } = await readTaskOutcome(store, 'expire', resultKey, since);
    await checkKept(store, plan, shown, now());
    return { source, objects: result.objects, bytes: result.bytes, told: describeExpiry(shown, result) };
  },
});
