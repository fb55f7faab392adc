import { z } from 'zod';
import { parseExecutionArn } from '#model/arn';
import { chooseManaged } from '#model/choose-source';
import { readSnapshotInput, requesterOf } from '#model/machine-input';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { ownTags, snapshotName } from '#model/snapshot-name';
import { edge } from './edge.ts';

/** What is made, and where it is copied to, out of what the machine was started with: `{"source":"ledger"}`. */
export const handler = edge({
  name: 'plan-snapshot',
  input: fields({ input: z.unknown(), execution: text("the execution's ARN") }),

  async run({ input, execution }, { plan }) {
    const asked = readSnapshotInput(input);
    const { name, database, copyTo } = chooseManaged(plan, asked.source);
    const tags = Object.entries(ownTags(name, execution)).map(([Key, Value]) => ({ Key, Value }));
    return {
      source: name,
      requestedBy: requesterOf(asked),
      database,
      snapshot: snapshotName(name, parseExecutionArn(execution)?.name ?? execution),
      tags,
      copyTo: copyTo?.region ?? null,
    };
  },
});
