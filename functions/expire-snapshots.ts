import { putSnapshotExpiry, snapshotExpiryKey } from '#catalog/snapshot-expiry';
import { parseExecutionArn } from '#model/arn';
import { chooseManaged } from '#model/choose-source';
import { describeSnapshotExpiry, describeSnapshotPlan } from '#model/describe-snapshot-expiry';
import { digestOf } from '#model/evidence';
import { mostWouldGo, snapshotsExpireMost } from '#model/expires-most';
import { InputInvalid } from '#model/failure';
import { planSnapshots } from '#model/keep-snapshots';
import { clip } from '#model/plain-text';
import type { Plan } from '#model/plan';
import { text, yesOrNo } from '#model/plan-field';
import { noRules } from '#model/purge';
import { choosePurge } from '#model/purge-choice';
import { fields } from '#model/read-input';
import { chooseRetention } from '#model/retention-choice';
import type { RetentionRules } from '#model/retention-rules';
import type { SnapshotExpiry } from '#model/snapshot-expiry';
import { deleteSnapshots } from '#recovery/delete-snapshots';
import { openRdsDeletion } from '#runtime/rds-deletion';
import { gatherSnapshotFacts } from '#runtime/snapshot-facts';
import { edge } from './edge.ts';

/**
 * Deletes the snapshots that the plan's rules do not keep, here and where they are copied to. What goes is put before the first
 * one goes, so a retry tells of all of them; it deletes only what it would decide so again. What could not be deleted is told, and
 * the rest goes all the same: `problem` is the first failure. @throws MostWouldGo; ConnectionFailed, StoreUnavailable: then ask again
 */
export const handler = edge({
  name: 'expire-snapshots',
  input: fields({
    source: text('the name of a source'),
    execution: text("the execution's ARN"),
    /** whether most of them may go at once */
    most: yesOrNo().default(false),
    /** why all of them go, whatever the rules say; null: they do not */
    purge: text('a reason').nullable().default(null),
    /** only puts what would go */
    look: yesOrNo().default(false),
  }),

  async run({ source, execution, most, purge, look }, { plan, vault: { store }, environment, now }) {
    const managed = chooseManaged(plan, source);
    const rules = purge === null ? chooseRetention(plan, managed.name).rules : rulesOfPurge(plan, managed.name);
    const named = parseExecutionArn(execution);
    if (!named) throw new InputInvalid('execution', execution, "an execution's ARN");
    const facts = await gatherSnapshotFacts(managed, { store, environment, now: now() });
    const at = now();
    const decided = planSnapshots({ ...facts, execution }, rules, at, purge === null ? undefined : { reason: purge });
    const much = purge === null ? snapshotsExpireMost({ ...facts, execution }, rules, decided) : allInWords(decided);
    if (much !== undefined && !most && purge === null) throw mostWouldGo(managed.name, much);
    const planKey = snapshotExpiryKey(named.name);
    const put = await putSnapshotExpiry(store, planKey, decided);
    if (look)
      return { planHash: digestOf(JSON.stringify(put)), overrides: much ?? null, told: describeSnapshotPlan(put) };
    const type = managed.database.type;
    const outcome = await deleteSnapshots({
      ...{ put, decided, places: facts.places },
      remove: ({ region, snapshot }) => openRdsDeletion(environment, region).delete(type, snapshot),
    });
    return {
      source: managed.name,
      planKey,
      deleted: outcome.deleted.length,
      left: outcome.left.length,
      kept: put.keeps.length,
      told: clip(describeSnapshotExpiry(put, outcome), 10_000),
      problem: outcome.problem,
    };
  },
});

function rulesOfPurge(plan: Plan, source: string): RetentionRules {
  choosePurge(plan, source);
  return noRules;
}

/** What people are asked about, in words, where anything goes. */
const allInWords = ({ goes }: SnapshotExpiry): string | undefined =>
  goes.length === 0 ? undefined : `${goes.length} ${goes.length === 1 ? 'snapshot' : 'snapshots'} in RDS`;
