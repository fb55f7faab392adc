import { chooseManaged } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { ownTags } from '#model/snapshot-name';
import { openRds } from '#runtime/rds';
import { edge } from './edge.ts';

/** Begins the copy of a snapshot in the region that the plan says, unless there is one; says how far it is. */
export const handler = edge({
  name: 'copy-snapshot',
  input: fields({
    source: text('the name of a source'),
    snapshot: text("a snapshot's identifier"),
    arn: text("the snapshot's ARN"),
    execution: text("the execution's ARN"),
  }),

  async run({ source, snapshot, arn, execution }, { plan, environment }) {
    const { name, database, copyTo } = chooseManaged(plan, source);
    if (!copyTo) throw new InputInvalid('source', source, 'one with copyTo in the plan');
    const there = openRds(environment, copyTo.region);
    const { type } = database;
    const copy = { type, arn, id: snapshot, kmsKey: copyTo.kmsKey, tags: ownTags(name, execution) };
    // of two that begin it at the same time, one is told that there is one
    const found = (await there.snapshot(type, snapshot)) ?? (await there.copy(copy));
    return { status: found?.status ?? 'creating' };
  },
});
