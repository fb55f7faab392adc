import { z } from 'zod';
import { measureExpiredWal } from '#catalog/measure-expired-wal';
import { gatherRetentionFacts } from '#catalog/retention-facts';
import { deletesAnything, putRetentionPlan, retentionPlanKey } from '#catalog/retention-plan';
import { requireNoWriter } from '#catalog/writers-at-work';
import { parseExecutionArn } from '#model/arn';
import { describePurge, purgeInWords } from '#model/describe-purge';
import { describeRetention } from '#model/describe-retention';
import { expiresMost, mostWouldGo } from '#model/expires-most';
import { InputInvalid } from '#model/failure';
import { type RetentionInput, readRetentionInput, requesterOf } from '#model/machine-input';
import { clip, oneLine } from '#model/plain-text';
import { text } from '#model/plan-field';
import { planPurge } from '#model/purge';
import { choosePurge } from '#model/purge-choice';
import { fields } from '#model/read-input';
import { planRetention } from '#model/retention';
import { chooseRetention } from '#model/retention-choice';
import type { RetentionPlan } from '#model/retention-record';
import type { FunctionWorld } from '#runtime/function-world';
import { edge } from './edge.ts';

/**
 * What of a source goes and what stays, put for the task that deletes; a retry finds the one that was put first.
 * @throws MostWouldGo; of a purge LeaseHeld
 */
export const handler = edge({
  name: 'plan-retention',
  input: fields({ input: z.unknown(), execution: text("the execution's ARN") }),

  async run({ input, execution }, world) {
    const asked = readRetentionInput(input);
    const named = parseExecutionArn(execution);
    if (!named) throw new InputInvalid('execution', execution, "an execution's ARN");
    const planKey = retentionPlanKey(named.name);
    const decided = asked.purge ? await decidePurge(asked, planKey, world) : await decide(asked, planKey, world);
    const { store } = world.vault;
    const { source, hash } = decided.put;
    return {
      source,
      requestedBy: requesterOf(asked),
      // RDS has snapshots of it, which are another function's
      managed: world.plan.managed.some(({ name }) => name === source),
      most: asked.most ?? false,
      purge: asked.purge ?? false,
      // of a purge
      reason: decided.put.reason ?? null,
      // what somebody else has to say yes to, in words; null: it is retention as every day
      overrides: decided.overrides,
      planKey,
      planHash: hash,
      nothing: !(await deletesAnything(store, decided.put)),
      told: clip(decided.told, 4_000),
    };
  },
});

interface Decided {
  put: RetentionPlan;
  overrides: string | null;
  told: string;
}

async function decide(asked: RetentionInput, planKey: string, { plan, vault, now }: FunctionWorld): Promise<Decided> {
  const { source, rules } = chooseRetention(plan, asked.source);
  const facts = await gatherRetentionFacts(vault.store, plan, source.name, now());
  const decided = planRetention(facts, rules, now());
  const much = expiresMost(facts, rules, decided);
  if (much !== undefined && !asked.most) throw mostWouldGo(source.name, much);
  const put = await putRetentionPlan(vault.store, planKey, decided);
  return { put, overrides: much ?? null, told: describeRetention(put) };
}

/** Lists all WAL of the source: people are to read how much goes. */
async function decidePurge(
  asked: RetentionInput,
  planKey: string,
  { plan, vault: { store }, now }: FunctionWorld,
): Promise<Decided> {
  const { name } = choosePurge(plan, asked.source);
  await requireNoWriter(store, name, now());
  const facts = await gatherRetentionFacts(store, plan, name, now(), { purge: true });
  const put = await putRetentionPlan(store, planKey, planPurge(facts, oneLine(asked.reason!, 500), now()));
  const wal = await measureExpiredWal(store, put, neverAborted);
  return { put, overrides: purgeInWords(put, wal), told: describePurge(put, wal) };
}

const neverAborted = new AbortController().signal;
