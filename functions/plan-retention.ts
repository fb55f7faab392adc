import { z } from 'zod';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { deletesAnything, putRetentionPlan, retentionPlanKey } from '#catalog/retention-plan';
import { parseExecutionArn } from '#model/arn';
import { describeRetention } from '#model/describe-retention';
import { expiresMost, mostWouldGo } from '#model/expires-most';
import { InputInvalid } from '#model/failure';
import { readRetentionInput, requesterOf } from '#model/machine-input';
import { clip } from '#model/plain-text';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { planRetention } from '#model/retention';
import { chooseRetention } from '#model/retention-choice';
import { edge } from './edge.ts';

/** What of a source goes and what stays, put for the task that deletes; a retry finds the one that was put first. @throws MostWouldGo */
export const handler = edge({
  name: 'plan-retention',
  input: fields({ input: z.unknown(), execution: text("the execution's ARN") }),

  async run({ input, execution }, { plan, vault: { store }, now }) {
    const asked = readRetentionInput(input);
    const { source, rules } = chooseRetention(plan, asked.source);
    const named = parseExecutionArn(execution);
    if (!named) throw new InputInvalid('execution', execution, "an execution's ARN");
    const planKey = retentionPlanKey(named.name);
    const facts = await gatherRetentionFacts(store, plan, source.name, now());
    const decided = planRetention(facts, rules, now());
    const most = asked.most ?? false;
    const much = expiresMost(facts, rules, decided);
    if (much !== undefined && !most) throw mostWouldGo(source.name, much);
    const put = await putRetentionPlan(store, planKey, decided);
    return {
      source: source.name,
      requestedBy: requesterOf(asked),
      // RDS has snapshots of it, which are another function's
      managed: plan.managed.some(({ name }) => name === source.name),
      most,
      // what somebody else has to say yes to, in words; null: it is retention as every day
      overrides: much ?? null,
      planKey,
      planHash: put.hash,
      nothing: !(await deletesAnything(store, put)),
      told: clip(describeRetention(put), 4_000),
    };
  },
});
