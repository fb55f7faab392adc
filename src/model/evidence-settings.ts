import { z } from 'zod';
import { section, text } from '#model/plan-field';

/** By what the evidence is signed each day. */
export interface EvidenceSettings {
  /** a file with an Ed25519 key, or a KMS key's ARN, or `stack`: the key that the stack in `aws` makes for this alone */
  signer: { signingKey: string } | { kmsKey: string };
  /** a file with the public keys, in PEM, of those that signed before */
  formerKeys?: string;
}

const formerKeys = text('the path of a file with public keys in PEM').exactOptional();

export const evidenceSettings: z.ZodType<EvidenceSettings> = z.union(
  [
    section({ signingKey: text('the path of a file with an Ed25519 key'), formerKeys }).transform(
      ({ signingKey, ...rest }): EvidenceSettings => ({ signer: { signingKey }, ...rest }),
    ),
    section({
      kmsKey: text("a KMS key's ARN, or stack", /^(stack|arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]{1,256})$/),
      formerKeys,
    }).transform(({ kmsKey, ...rest }): EvidenceSettings => ({ signer: { kmsKey }, ...rest })),
  ],
  {
    error:
      "signingKey with the path of a key file, or kmsKey with a KMS key's ARN (key/…) or stack; formerKeys with the path of a file beside it",
  },
);
