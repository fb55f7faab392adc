import { readTaskOutcome } from '#catalog/task-outcome';
import type { BackupId } from '#model/backup-id';
import { drillNotCarriedOut, type Proof, proofOfDrill } from '#model/proof';
import { parseTarget, printPoint, type TargetInput } from '#model/recovery-target';
import { ResultMissing } from '#model/result-missing';
import type { ObjectStore } from '#store/object-store';

/** One drill of a machine, as it ended. */
export interface EndedDrill {
  source: string;
  backup: BackupId;
  target: TargetInput;
  execution: string;
  resultKey: string;
  /** why there is no result; null when there is one */
  failure: { name: string; message: string } | null;
  /** when the execution began */
  startedAt: string;
  finishedAt: string;
}

/** What it proved; or that it proved nothing. @throws ResultMissing */
export async function drillProof(store: ObjectStore, drill: EndedDrill): Promise<Proof> {
  const { resultKey, target, failure, ...rest } = drill;
  if (failure !== null) {
    const { name, message } = failure;
    return drillNotCarriedOut({ ...rest, target: printPoint(parseTarget(target).point), failure: { name, message } });
  }
  const { result } = await readTaskOutcome(store, 'drill', resultKey, new Date(drill.startedAt));
  if (!('removed' in result)) return proofOfDrill(result, drill.execution);
  throw new ResultMissing(`${resultKey} tells of a cleanup and not of a drill`, {
    operation: 'conclude drill',
    subject: resultKey,
  });
}
