import { maxRecordBytes, noteHead } from '#catalog/evidence';
import { walkChain } from '#catalog/evidence-chain';
import { readHeads, type StoredHead } from '#catalog/evidence-heads';
import { printRecord } from '#catalog/put-record';
import { type ChainEnd, chainBegin, digestOf } from '#model/evidence';
import { type HeadStatement, headStatement, isSigned } from '#model/evidence-head';
import type { EvidenceSigner, SignerIdentity } from '#model/evidence-signer';
import { ObjectDamaged } from '#model/failure';
import { evidenceHeadKey, evidenceKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

export interface SignedHead {
  /** of the head of this day; null: there is no record yet */
  key: string | null;
  /** of the newest record that it signs */
  sequence: number;
  /** it was there already */
  again: boolean;
}

/**
 * Sign how far the evidence goes, once for each day (UTC): also on one without a new record, so that no day is without a head.
 * It signs only what follows from what it has signed before: behind a break nothing is signed.
 * @throws ObjectDamaged when the chain is broken; KeyUnusable, StoreUnavailable
 */
export async function signEvidence(store: ObjectStore, signer: EvidenceSigner, now: Date): Promise<SignedHead> {
  const date = now.toISOString().slice(0, 10);
  const newest = (await readHeads(store)).at(-1);
  if (newest && newest.date >= date) return signedBefore(store, newest, await signer.identify());
  const end = await intactEnd(store, newest);
  if (end.digest === null) return { key: null, sequence: 0, again: false };
  const { algorithm, keyId, publicKey } = await signer.identify();
  const statement: HeadStatement = {
    format: 'lifeboat-evidence-head/1',
    date,
    sequence: end.sequence,
    digest: end.digest,
    at: now.toISOString(),
    previous: newest?.digest ?? null,
    algorithm,
    keyId,
  };
  const signature = (await signer.sign(headStatement(statement))).toString('base64');
  const bytes = printRecord({ ...statement, publicKey, signature });
  const key = evidenceHeadKey(date);
  const outcome = await store.put(key, bytes, { condition: 'absent' });
  if (!outcome.stored) return signedBefore(store, (await readHeads(store)).at(-1)!, { publicKey });
  await noteHead(store, { date, digest: digestOf(bytes) });
  return { key, sequence: end.sequence, again: false };
}

/**
 * Who signed it may have died before it could be noted. One that the key did not sign stands in the way, for as long as its
 * date says: whoever may write to the bucket could end the signing with it, and nobody would be told.
 */
async function signedBefore(
  store: ObjectStore,
  { key, date, digest, head }: StoredHead,
  { publicKey }: Pick<SignerIdentity, 'publicKey'>,
): Promise<SignedHead> {
  if (!head || head.date !== date || !isSigned(head) || head.publicKey !== publicKey)
    throw damaged(
      key,
      'stands where the head of this day or of a later one goes, and is not signed by the key that signs',
    );
  await noteHead(store, { date, digest });
  return { key, sequence: head.sequence, again: true };
}

/** The end of the chain, once all is looked at that came since the newest head. */
async function intactEnd(store: ObjectStore, newest: StoredHead | undefined): Promise<ChainEnd> {
  const from = newest ? await signedEnd(store, newest) : chainBegin;
  const { end, broken, strange } = await walkChain(store, undefined, from);
  const finding = broken ?? strange[0];
  if (finding) throw damaged(finding.key, finding.problem);
  return end;
}

async function signedEnd(store: ObjectStore, { key, head }: StoredHead): Promise<ChainEnd> {
  if (!head || !isSigned(head))
    throw damaged(key, 'has a signature that does not fit: it was changed after it was signed');
  const record = evidenceKey(head.sequence);
  const digest = digestOf(await readObject(store, record, { maxBytes: maxRecordBytes }));
  if (digest !== head.digest) throw damaged(record, `is not what was signed in ${key}`);
  return { sequence: head.sequence, digest };
}

const damaged = (key: string, problem: string): ObjectDamaged =>
  new ObjectDamaged(`evidence is not signed: ${key} ${problem}`, {
    operation: 'sign evidence',
    subject: key,
    hint: 'see all of it: lifeboat evidence verify. What it was is in the versions of the bucket, or in a copy',
  });
