import { findDumps } from '#catalog/dumps';
import { parseExecutionArn } from '#model/arn';
import type { DumpId } from '#model/dump-id';
import { firingName, scheduleName } from '#model/planned-schedules';
import type { ObjectStore } from '#store/object-store';

/** A task's clock may be as much behind the scheduler's. */
const slackMs = 600_000;

/** The committed dump that the same firing of the schedule took before; undefined when there is none. As takenByFiring. */
export async function dumpedByFiring(
  store: ObjectStore,
  source: string,
  scheduledTime: Date,
): Promise<DumpId | undefined> {
  const name = firingName(scheduleName('dump', source), scheduledTime);
  const found = await findDumps(store, source, { begunSince: new Date(scheduledTime.getTime() - slackMs) });
  const executions = found.flatMap((one) => (one.state === 'committed' ? [one.entry] : []));
  return executions.find(({ execution }) => execution !== null && parseExecutionArn(execution)?.name === name)?.dump;
}
