import { setTimeout as sleep } from 'node:timers/promises';
import { recordEvidence } from '#catalog/evidence';
import type { CommandContext } from '#cli/command';
import type { EvidenceDetails } from '#model/evidence';
import { clip } from '#model/plain-text';
import { thisProcess } from '#runtime/this-process';
import type { ObjectStore } from '#store/object-store';

export interface DirectWork<T> {
  store: ObjectStore;
  /** as it is told: `backup` */
  work: string;
  source: string;
  who: string;
  planHash: string | null;
  /** of what did not come to its end */
  failed: EvidenceDetails;
  succeeded(result: T): { what: string; details: EvidenceDetails };
}

/**
 * Do what no machine records, since a person does it in this process, and leave evidence of it, however it ends. That it was
 * done counts: where it cannot be recorded, which a warning says, it is done all the same.
 */
export async function leaveEvidence<Told, T extends Told>(
  direct: DirectWork<Told>,
  { now, output }: CommandContext,
  run: () => Promise<T>,
): Promise<T> {
  const startedAt = now();
  const { store, work, source, who, planHash } = direct;
  const { host, pid } = thisProcess();
  const record = async (ended: { what: string; outcome: string; details: EvidenceDetails }) => {
    const when = now();
    const deed = {
      id: `${work}/${source}/${startedAt.toISOString()}/${host}/${pid}`,
      ...{ ...ended, what: clip(ended.what, 10_000), who, source, planHash },
      ...{ when: when.toISOString(), execution: null, approval: null },
      ...{
        startedAt: startedAt.toISOString(),
        durationMs: Math.max(0, when.getTime() - startedAt.getTime()),
        from: host,
      },
    };
    const given = new AbortController();
    const late = sleep(longestMs, undefined, { signal: given.signal }).then(() => {
      throw new Error(`the bucket has not taken it for ${longestMs / 1_000} s`);
    });
    late.catch(() => undefined);
    await Promise.race([recordEvidence(store, deed), late])
      .catch((failure: Error) => output.warn(`this ${work} left no evidence: ${failure.message}`))
      .finally(() => given.abort());
  };
  try {
    const result = await run();
    await record({ ...direct.succeeded(result), outcome: 'succeeded' });
    return result;
  } catch (failure) {
    const { name, message } = failure as Error;
    await record({
      what: `${work} of ${source}: ${name}: ${clip(message, 1_000)}`,
      outcome: 'failed',
      details: direct.failed,
    });
    throw failure;
  }
}

const longestMs = 15_000;
