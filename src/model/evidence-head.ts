import { createPublicKey, verify } from 'node:crypto';
import { z } from 'zod';

/*
 * Once a day somebody who has a key signs how far the evidence goes, and what it is up to there. Who may write to the bucket
 * can make the chain of digests anew; the signatures he cannot.
 *
 * The bytes that are signed are not the object's, but this text in UTF-8, each line ended by a line feed:
 *
 *     lifeboat-evidence-head/1
 *     date 2026-11-20
 *     sequence 42
 *     digest <SHA-256 of record 42>
 *     at 2026-11-20T00:10:00.000Z
 *     previous <SHA-256 of the object of the head before, or none>
 *     algorithm ed25519
 *     key <keyId>
 */
const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const signatureAlgorithms = ['ed25519', 'ecdsa-p256-sha256'] as const;
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

export const evidenceHeadSchema = z.strictObject({
  format: z.literal('lifeboat-evidence-head/1'),
  /** UTC; the object's name */
  date: z.iso.date(),
  /** of the newest record */
  sequence: z.number().int().positive(),
  /** of that record's bytes */
  digest,
  at: z.iso.datetime(),
  /** of the bytes of the newest head before; null in the first */
  previous: digest.nullable(),
  algorithm: z.enum(signatureAlgorithms),
  /** the ARN of a KMS key, or `sha256:` and the digest of the public key */
  keyId: z.string().regex(/^[\x21-\x7e]{1,2048}$/),
  /** SubjectPublicKeyInfo in DER, base64: tells which key it was; that it is one to trust, it cannot say */
  publicKey: z.base64(),
  /** base64: 64 bytes of Ed25519 (RFC 8032), or DER of ECDSA (RFC 3279, 2.2.3) */
  signature: z.base64(),
});
export type EvidenceHead = z.infer<typeof evidenceHeadSchema>;

/** A head that is yet to be signed. */
export type HeadStatement = Omit<EvidenceHead, 'publicKey' | 'signature'>;

/** The bytes that are signed. */
export const headStatement = (head: HeadStatement): Buffer =>
  Buffer.from(
    [
      head.format,
      `date ${head.date}`,
      `sequence ${head.sequence}`,
      `digest ${head.digest}`,
      `at ${head.at}`,
      `previous ${head.previous ?? 'none'}`,
      `algorithm ${head.algorithm}`,
      `key ${head.keyId}`,
      '',
    ].join('\n'),
  );

/** Whether the key that the head has with it has signed it. Whose key that is, is another question. */
export function isSigned(head: EvidenceHead): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(head.publicKey, 'base64'), format: 'der', type: 'spki' });
    if (algorithmOf(key) !== head.algorithm) return false;
    const hash = head.algorithm === 'ed25519' ? null : 'sha256';
    return verify(hash, headStatement(head), { key, dsaEncoding: 'der' }, Buffer.from(head.signature, 'base64'));
  } catch {
    return false; // what is no key has signed nothing
  }
}

/** What a key signs with; undefined: it is of no kind that signs heads. */
export function algorithmOf(key: { asymmetricKeyType?: string; asymmetricKeyDetails?: { namedCurve?: string } }) {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519' satisfies SignatureAlgorithm;
  const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return isP256 ? ('ecdsa-p256-sha256' satisfies SignatureAlgorithm) : undefined;
}
