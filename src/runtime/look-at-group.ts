import { readLease } from '#catalog/lease';
import { decideLease } from '#catalog/lease-state';
import type { PrimaryLook } from '#failover/judge-primary';
import { sitesOf } from '#model/failover-group';
import type { FunctionWorld } from '#runtime/function-world';
import { askWitnesses } from '#runtime/gather-move-facts';
import { knownInTime } from '#runtime/known-in-time';
import { lookAtSites } from '#runtime/look-at-sites';
import type { MovingGroup } from '#runtime/moving-group';
import { leaseKey } from '#store/bucket-layout';

const namesMs = 10_000;

/** One look of the watch; changes nothing. @throws what the store does: who cannot know whether somebody moves judges nothing */
export async function lookAtGroup(moving: MovingGroup, { environment }: FunctionWorld): Promise<PrimaryLook> {
  const { group, store } = moving;
  const [sites, witnesses, names, lease] = await Promise.all([
    lookAtSites(moving),
    askWitnesses(group, environment),
    knownInTime(namesMs, (signal) => whereNamesLead(moving, signal)),
    readLease(store, leaseKey(group.source, 'failover')),
  ]);
  const isMoving = decideLease(lease, moving.now(), 0).action === 'wait';
  return { sites, witnesses, moving: isMoving, names: names.known ? names.value : null };
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
