import { readTaskOutcome } from '#catalog/task-outcome';
import type { DumpId } from '#model/dump-id';
import { type DumpProof, dumpNotProven, proofOfDump } from '#model/dump-proof';
import { ObjectDamaged } from '#model/failure';
import type { ObjectStore } from '#store/object-store';

/** One look of a machine at a dump, as it ended. */
export interface EndedDumpProof {
  source: string;
  dump: DumpId;
  execution: string;
  resultKey: string;
  /** why there is no result; null when there is one */
  failure: { name: string; message: string } | null;
  /** when the execution began */
  startedAt: string;
  finishedAt: string;
}

/** What it proved; or that it proved nothing. @throws ResultMissing; ObjectDamaged when it tells of another dump */
export async function endedDumpProof(store: ObjectStore, ended: EndedDumpProof): Promise<DumpProof> {
  const { source, dump, execution, resultKey, failure, startedAt, finishedAt } = ended;
  if (failure !== null) {
    const { name, message } = failure;
    return dumpNotProven({ source, dump, execution, startedAt, finishedAt, failure: { name, message } });
  }
  const { result } = await readTaskOutcome(store, 'prove-dump', resultKey, new Date(startedAt));
  if (result.dump === dump && result.source === source) return proofOfDump(result, execution);
  throw new ObjectDamaged(`${resultKey} tells of ${result.source}/${result.dump} and not of ${source}/${dump}`, {
    operation: 'conclude dump',
    subject: resultKey,
    hint: 'somebody changed it: start the machine again',
  });
}
