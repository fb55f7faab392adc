import { z } from 'zod';
import { chooseManaged } from '#model/choose-source';
import { type RdsRestoreInput, readRdsRestoreInput, requesterOf } from '#model/machine-input';
import { planManagedRestore, type RestoreFacts } from '#model/managed-restore';
import type { ManagedSource } from '#model/managed-source';
import { oneLine } from '#model/plain-text';
import { PlanChanged } from '#model/plan-changed';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { openRds, type Rds } from '#runtime/rds';
import { edge } from './edge.ts';

/**
 * The plan that somebody is asked to approve. With the hash of one that was approved: whether it is that one still, made of
 * the request that it came with. @throws PlanChanged, and what planManagedRestore does
 */
export const handler = edge({
  name: 'plan-rds-restore',
  input: fields({
    input: z.unknown(),
    planHash: text('the hash of a plan', /^[0-9a-f]{64}$/).exactOptional(),
  }),

  async run({ input, planHash }, { plan, environment }) {
    const asked = readRdsRestoreInput(input);
    const source = chooseManaged(plan, asked.source);
    const planned = planManagedRestore(await gather(openRds(environment), source, asked));
    if (planHash !== undefined && planned.planHash !== planHash) throw changed(source.name);
    const because = asked.reason === undefined ? '' : `\n  because      ${oneLine(asked.reason)}`;
    return {
      ...planned,
      planText: planned.planText + because,
      source: source.name,
      database: source.database,
      requestedBy: requesterOf(asked),
    };
  },
});

async function gather(rds: Rds, source: ManagedSource, asked: RdsRestoreInput): Promise<RestoreFacts> {
  const { type } = source.database;
  const wanted =
    type === 'instance'
      ? [{ type, id: asked.to }]
      : [
          { type, id: asked.to },
          { type: 'instance' as const, id: `${asked.to}-1` },
        ];
  const [database, snapshot, ...found] = await Promise.all([
    rds.database(source.database),
    asked.snapshot === undefined ? undefined : rds.snapshot(type, asked.snapshot),
    ...wanted.map((one) => rds.database(one)),
  ]);
  const taken = wanted.flatMap(({ id }, index) => (found[index] ? [id] : []));
  return { source, asked, database, snapshot, taken };
}

const changed = (source: string): PlanChanged =>
  new PlanChanged(`the plan to restore ${source} is not the one that was approved`, {
    operation: 'check plan again',
    subject: source,
    hint: 'nothing was touched: start the restore again and approve the plan as it is now',
  });
