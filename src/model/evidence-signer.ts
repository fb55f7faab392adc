import type { SignatureAlgorithm } from '#model/evidence-head';

/** Who signs heads of the evidence. */
export interface EvidenceSigner {
  identify(): Promise<SignerIdentity>;
  /** @throws KeyUnusable, StoreUnavailable */
  sign(bytes: Buffer): Promise<Buffer>;
}

export interface SignerIdentity {
  algorithm: SignatureAlgorithm;
  /** as a head names it */
  keyId: string;
  /** SubjectPublicKeyInfo in DER, base64 */
  publicKey: string;
}
