import { recordSnapshot } from '#catalog/snapshots';
import { chooseManaged } from '#model/choose-source';
import { ServerUnsuitable } from '#model/failure';
import type { ManagedSnapshot } from '#model/managed-facts';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { openRds, type Rds } from '#runtime/rds';
import { edge } from './edge.ts';

/** What RDS has of a snapshot now becomes its record in the catalog. */
export const handler = edge({
  name: 'record-snapshot',
  input: fields({
    source: text('the name of a source'),
    snapshot: text("a snapshot's identifier"),
    requestedBy: text('who asked for it'),
    execution: text("the execution's ARN"),
  }),

  async run({ source, snapshot, requestedBy, execution }, { plan, vault, environment, now }) {
    const { name, database, copyTo } = chooseManaged(plan, source);
    const { arn, createdAt, ...found } = await present(openRds(environment), database.type, snapshot);
    const copy = copyTo && (await present(openRds(environment, copyTo.region), database.type, snapshot));
    const { engine, engineVersion, sizeGiB, encrypted } = found;
    const record = await recordSnapshot(vault.store, {
      ...{ format: 'lifeboat-snapshot/1', source: name, snapshot, arn, database },
      ...{ engine, engineVersion, sizeGiB, encrypted, requestedBy, execution },
      createdAt: (createdAt ?? now()).toISOString(),
      copies: copy ? [{ region: copyTo.region, arn: copy.arn }] : [],
    });
    const copied = record.copies.map(({ region }) => `, copied to ${region}`).join('');
    return { record, told: `snapshot ${snapshot} of ${database.id}, ${record.sizeGiB} GiB${copied}` };
  },
});

async function present(rds: Rds, type: Parameters<Rds['snapshot']>[0], id: string): Promise<ManagedSnapshot> {
  const found = await rds.snapshot(type, id);
  if (found?.status === 'available') return found;
  throw new ServerUnsuitable(`the snapshot ${id} in ${rds.region} is ${found?.status ?? 'gone'}`, {
    operation: 'record snapshot',
    subject: id,
    hint: 'somebody deleted it meanwhile: take another one',
  });
}
