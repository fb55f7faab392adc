import type { z } from 'zod';
import { committedBackups } from '#catalog/backups';
import { putRecord, readRecord } from '#catalog/put-record';
import { noteInStanding, replaceStanding } from '#catalog/standing';
import { StoreUnavailable } from '#model/failure';
import { type Proof, proofSchema, type Verification, verificationSchema } from '#model/proof';
import { proofKey, proofsFolder, verificationKey, verificationsFolder } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

/** What a whole read-back of a backup found; `at` is when it ended, and the same when its recording is repeated. */
export type VerificationOutcome = Omit<Verification, 'format'>;

/** Record it once, and make it count. The same one again changes nothing. Answers its key. */
export async function recordVerification(store: ObjectStore, outcome: VerificationOutcome): Promise<string> {
  const verification: Verification = verificationSchema.parse({ format: 'lifeboat-verification/1', ...outcome });
  const keyAt = (at: Date) => verificationKey(verification.source, verification.backup, at);
  const key = await putOnce(store, verification, verificationSchema, new Date(verification.at), keyAt);
  await noteInStanding(store, verification.source, { verifications: [verification] });
  return key;
}

/** Record what a drill showed once, and make it count. The same one again changes nothing. Answers its key. */
export async function recordProof(store: ObjectStore, given: Proof): Promise<string> {
  const proof = proofSchema.parse(given);
  const keyAt = (at: Date) => proofKey(proof.source, proof.backup, at);
  const key = await putOnce(store, proof, proofSchema, new Date(proof.finishedAt), keyAt);
  await noteInStanding(store, proof.source, { proofs: [proof] });
  return key;
}

/** Two executions may end in the same millisecond: the later one's key is the next free one. */
export async function putOnce<T extends { execution: string | null }>(
  store: ObjectStore,
  record: T,
  schema: z.ZodType<T>,
  at: Date,
  keyAt: (at: Date) => string,
): Promise<string> {
  for (let later = 0; later < 100; later++) {
    const key = keyAt(new Date(at.getTime() + later));
    if (await putRecord(store, key, record)) return key;
    const known = await readRecord(store, key, schema);
    if (known?.execution === record.execution) return key;
  }
  throw new StoreUnavailable(`${keyAt(at)}: there are records at the next 100 milliseconds already`, {
    operation: 'put record',
    subject: keyAt(at),
  });
}

/** Make the projection of a source's proofs anew, from the records of the backups that exist. */
export async function rebuildStanding(store: ObjectStore, source: string): Promise<void> {
  const backups = new Set<string>((await committedBackups(store, source)).map(({ backup }) => backup));
  await replaceStanding(store, source, async () => ({
    verifications: await Array.fromAsync(recordsIn(store, verificationsFolder(source), backups, verificationSchema)),
    proofs: await Array.fromAsync(recordsIn(store, proofsFolder(source), backups, proofSchema)),
  }));
}

async function* recordsIn<T>(
  store: ObjectStore,
  folder: string,
  backups: ReadonlySet<string>,
  schema: z.ZodType<T>,
): AsyncGenerator<T> {
  for await (const { key } of store.list(folder)) {
    const [backup = ''] = key.slice(folder.length).split('/');
    const record = backups.has(backup) && key.endsWith('.json') ? await readRecord(store, key, schema) : undefined;
    if (record) yield record;
  }
}
