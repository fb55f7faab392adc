import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { recordEvidence } from '#catalog/evidence';
import { signEvidence } from '#catalog/sign-evidence';
import type { Deed } from '#model/evidence';
import type { EvidenceSigner, SignerIdentity } from '#model/evidence-signer';
import type { ObjectStore } from '#store/object-store';

export const deed = (id: string, more: Partial<Deed> = {}): Deed => ({
  id,
  who: 'ada',
  what: `did ${id}`,
  source: 'orders',
  when: '2026-11-20T05:13:45.000Z',
  outcome: 'succeeded',
  execution: null,
  planHash: null,
  approval: null,
  ...more,
});

/** Signs with an Ed25519 key that nobody has stored. */
export function ownSigner(key: KeyObject = generateKeyPairSync('ed25519').privateKey): EvidenceSigner & SignerIdentity {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const identity: SignerIdentity = {
    algorithm: 'ed25519',
    keyId: `sha256:${createHash('sha256').update(der).digest('hex')}`,
    publicKey: der.toString('base64'),
  };
  return { ...identity, identify: async () => identity, sign: async (bytes) => sign(null, bytes, key) };
}

export const dayOf = (day: number): Date => new Date(Date.UTC(2026, 10, day, 0, 10));

/** Two records a day from 20 November on, each day signed after midnight: records 1…2n, heads of the 21st, 22nd, …. */
export async function storeSignedDays(store: ObjectStore, signer: EvidenceSigner, days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    for (const half of ['am', 'pm']) await recordEvidence(store, deed(`${half} of day ${day}`));
    await signEvidence(store, signer, dayOf(21 + day));
  }
}
