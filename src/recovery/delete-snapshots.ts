import type { LeftSnapshot } from '#model/describe-snapshot-expiry';
import { ConnectionFailed, Failure } from '#model/failure';
import type { SnapshotPlace } from '#model/keep-snapshots';
import type { GoneSnapshot, SnapshotExpiry } from '#model/snapshot-expiry';

export interface SnapshotDeletion {
  /** what was put before the first one was deleted, maybe by an earlier attempt */
  put: SnapshotExpiry;
  /** what is decided now */
  decided: SnapshotExpiry;
  /** what there is now */
  places: readonly SnapshotPlace[];
  /** `busy`: RDS does not delete it now */
  remove(one: GoneSnapshot): Promise<'deleted' | 'gone' | 'busy'>;
}

export interface DeletedSnapshots {
  deleted: GoneSnapshot[];
  left: LeftSnapshot[];
  /** the first thing that somebody has to do something about */
  problem: { name: string; message: string; hint: string | null } | null;
}

/**
 * Delete what was to go and still is to go; what an earlier attempt has deleted counts. What cannot be deleted keeps nothing
 * else from going. One by one: there are few, and RDS asks for patience soon. @throws Failure that passes: then do it again
 */
export async function deleteSnapshots({ put, decided, places, remove }: SnapshotDeletion): Promise<DeletedSnapshots> {
  const there = new Set(places.flatMap(({ region, snapshots }) => snapshots.filter(isThere).map(nameIn(region))));
  const stillGoes = new Set(decided.goes.map(({ region, snapshot }) => `${region} ${snapshot}`));
  const done: DeletedSnapshots = { deleted: [], left: [], problem: null };
  for (const one of put.goes) {
    const { snapshot, region } = one;
    const name = `${region} ${snapshot}`;
    const leave = (why: string) => void done.left.push({ snapshot, region, why });
    if (!there.has(name)) done.deleted.push(one);
    else if (!stillGoes.has(name)) leave('it has to stay by now');
    else {
      try {
        if ((await remove(one)) === 'busy') leave('RDS is at work on it');
        else done.deleted.push(one);
      } catch (failure) {
        if (!(failure instanceof Failure)) throw failure;
        if (failure.verdict === 'retry') throw withDeleted(failure, done.deleted);
        leave(failure.message);
        const message = `the snapshot ${snapshot} in ${region} is left: ${failure.message}`;
        done.problem ??= { name: failure.name, message, hint: failure.hint ?? null };
      }
    }
  }
  return done;
}

/** RDS lists for a while what it is deleting. */
const isThere = ({ status }: { status: string }): boolean => status !== 'deleting' && status !== 'deleted';

const nameIn =
  (region: string) =>
  ({ id }: { id: string }): string =>
    `${region} ${id}`;

/** When nobody does it again, this is all that tells what went. */
function withDeleted(failure: Failure, deleted: readonly GoneSnapshot[]): Failure {
  if (deleted.length === 0) return failure;
  const { operation, subject, hint } = failure;
  const names = deleted.map(({ snapshot, region }) => `${snapshot} in ${region}`).join(', ');
  const detail = { operation, subject, cause: failure, ...(hint === undefined ? {} : { hint }) };
  return new ConnectionFailed(`${failure.message}; deleted by then: ${names}`, detail);
}
