import type { Connection } from '#model/postgres-source';
import { standbySlot } from '#postgres/standby-settings';
import type { Environment } from '#runtime/environment';
import { dropSlot, keepSlot } from './standby-primary.ts';
import type { TaskLog } from './task-log.ts';

/** The slot at a primary by which it keeps its WAL for the standby of a site. */
export interface ReservingSlot {
  name: string;
  /** answers whether it was made for this */
  keep(): Promise<boolean>;
  /** @throws while somebody streams through it */
  drop(): Promise<void>;
}

export const slotFor = (primary: Connection, site: string, environment: Environment): ReservingSlot => ({
  name: standbySlot(site),
  keep: () => keepSlot(primary, site, environment),
  drop: () => dropSlot(primary, site, environment),
});

/**
 * Work while a primary keeps its WAL. Where it fails, a slot that was made for it goes again: a slot that nobody reads from fills the
 * disk of the only primary. One that was there before is told. `goesOn`: whether somebody else goes on with the work.
 */
export async function withReservedWal<T>(
  { slot, log, goesOn = () => false }: { slot: ReservingSlot; log: TaskLog; goesOn?: () => boolean },
  work: () => Promise<T>,
): Promise<T> {
  const isOurs = await slot.keep();
  try {
    return await work();
  } catch (failure) {
    const stays = (why: string) =>
      log.warn('a slot keeps WAL at the primary until a standby follows, or somebody drops it', {
        slot: slot.name,
        why,
      });
    if (goesOn()) stays('the rebuild goes on');
    else if (!isOurs) stays('it was there before');
    else await slot.drop().catch((problem: Error) => stays(problem.message));
    throw failure;
  }
}
