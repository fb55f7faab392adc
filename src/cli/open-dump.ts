import { readDump } from '#catalog/dumps';
import type { CommandContext } from '#cli/command';
import { chooseAny } from '#model/choose-source';
import { parseDumpId } from '#model/dump-id';
import type { DumpManifest } from '#model/dump-manifest';
import type { Plan } from '#model/plan';
import type { Vault } from '#recovery/open-backup';
import { openBucket } from '#runtime/open-bucket';

export interface ChosenDump {
  plan: Plan;
  /** of the source in the plan */
  source: string;
  vault: Vault;
  manifest: DumpManifest;
}

/** The dump of that id, of the source that is named or the plan's only one. @throws InputInvalid, ObjectDamaged */
export async function openChosenDump(
  { plan: readPlan, environment }: CommandContext,
  dump: string,
  source: string | undefined,
): Promise<ChosenDump> {
  const { id } = parseDumpId(dump);
  const plan = await readPlan();
  const { name } = chooseAny(plan, source, '--source');
  const vault = await openBucket(plan, environment);
  return { plan, source: name, vault, manifest: await readDump(vault.store, name, id) };
}
