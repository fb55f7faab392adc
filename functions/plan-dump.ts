import { z } from 'zod';
import { dumpedByFiring } from '#catalog/dumped-by-firing';
import { chooseDumped } from '#model/choose-dumped';
import { readDumpInput, requesterOf } from '#model/machine-input';
import { fields } from '#model/read-input';
import { localSourceRoles, sourceRoleArn } from '#model/source-role';
import { edge } from './edge.ts';

/** What of which source is dumped, under which role. A scheduled dump that was taken before is not taken again. */
export const handler = edge({
  name: 'plan-dump',
  input: fields({ input: z.unknown() }),

  async run({ input }, { plan, vault, environment }) {
    const asked = readDumpInput(input);
    const { name: source, dump } = chooseDumped(plan, asked.source);
    const { scheduledTime } = asked;
    const firing = scheduledTime === undefined ? undefined : new Date(scheduledTime);
    return {
      source,
      requestedBy: requesterOf(asked),
      schemaOnly: asked.schemaOnly ?? dump.schemaOnly,
      restore: dump.restoreTest,
      role: sourceRoleArn(environment.LIFEBOAT_SOURCE_ROLES ?? localSourceRoles, source),
      /** the dump of this firing; null: it is still to be taken */
      taken: (firing && (await dumpedByFiring(vault.store, source, firing))) ?? null,
    };
  },
});
