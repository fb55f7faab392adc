import { readLease } from '#catalog/lease';
import { decideLease } from '#catalog/lease-state';
import type { PrimaryLook } from '#failover/judge-primary';
import { sitesOf } from '#model/failover-group';
import type { FunctionWorld } from '#runtime/function-world';
import { askWitnesses } from '#runtime/gather-move-facts';
import { hasEnded } from '#runtime/has-ended';
import { knownInTime } from '#runtime/known-in-time';
import { lookAtSites } from '#runtime/look-at-sites';
import type { MovingGroup } from '#runtime/moving-group';
import { leaseKey } from '#store/bucket-layout';

const namesMs = 10_000;

/** One look of the watch; changes nothing. @throws what the store does: who cannot know whether somebody moves judges nothing */
export async function lookAtGroup(moving: MovingGroup, world: FunctionWorld): Promise<PrimaryLook> {
  const { group } = moving;
  const [sites, witnesses, names, mover] = await Promise.all([
    lookAtSites(moving),
    askWitnesses(group, world.environment),
    knownInTime(namesMs, (signal) => whereNamesLead(moving, signal)),
    whoMoves(moving, world),
  ]);
  return { sites, witnesses, moving: mover, names: names.known ? names.value : null };
}

/** What was stopped or has died holds its lease for a while yet, and moves nothing: an outage that it leaves behind is one. */
async function whoMoves({ group, store, now }: MovingGroup, world: FunctionWorld): Promise<string | null> {
  const lease = decideLease(await readLease(store, leaseKey(group.source, 'failover')), now(), 0);
  // a rehearsal moves nothing, and gives way
  if (lease.action === 'take' || lease.current.yields) return null;
  const { execution, host, pid } = lease.current;
  if (execution === undefined) return `process ${pid} on ${host}`;
  return (await hasEnded(world, execution)) ? null : execution;
}

async function whereNamesLead({ group, movables }: MovingGroup, signal: AbortSignal) {
  const names = (await movables()).filter(({ part }) => part === 'names');
  return Promise.all(
    names.map(async (name) => {
      const value = await name.read(signal);
      const leadsTo = sitesOf(group).filter((site) => name.wanted(site.name) === value);
      return { what: name.what, leadsTo: leadsTo.map((site) => site.name) };
    }),
  );
}
