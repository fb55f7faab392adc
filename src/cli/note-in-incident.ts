import { addToIncident, readIncident } from '#catalog/incidents';
import type { CommandContext } from '#cli/command';
import { Failure } from '#model/failure';
import { incidentOf, requireOpen } from '#model/incident';
import { openStoreAt } from '#runtime/open-bucket';

/** That what is begun for an incident names one that is open. @throws InputInvalid */
export async function requireOpenIncident(id: string | undefined, context: CommandContext): Promise<void> {
  if (id !== undefined) requireOpen(incidentOf(await readIncident(await storeOf(context), id)));
}

/** Note it there, for whoever reads the incident later; nobody is told. What was begun goes on whether this works or not. */
export async function noteInIncident(
  id: string | undefined,
  { by, note }: { by: string; note: string },
  context: CommandContext,
): Promise<void> {
  if (id === undefined) return;
  try {
    const said = { by: by.slice(0, 200), at: context.now().toISOString() };
    await addToIncident(await storeOf(context), id, said, (incident) => {
      requireOpen(incident);
      return { deed: 'noted', note };
    });
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    context.output.warn(`it is not noted in incident ${id}: ${failure.message}`);
  }
}

const storeOf = async ({ plan, environment }: CommandContext) => openStoreAt((await plan()).bucket, environment);
