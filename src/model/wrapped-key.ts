import { z } from 'zod';

/** A key in KMS, as `kms:GenerateDataKey` and `kms:Encrypt` name it in their answers. */
const kmsKeyArn = /^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]{1,256}$/;

/** A data key as it is stored: encrypted by a key that is not in the bucket. test/golden/wrapped-keys.json pins it. */
export const wrappedKeySchema = z.discriminatedUnion('method', [
  z.strictObject({
    /** by a key file, AES-256-GCM */
    method: z.literal('file'),
    /** which key of the file: the first 16 hexadecimal digits of the SHA-256 of the key */
    keyId: z.string(),
    /** base64 of nonce (12 bytes), ciphertext (32), tag (16) */
    wrapped: z.string(),
  }),
  z.strictObject({
    method: z.literal('kms'),
    /** ARN of the key, never of an alias */
    keyId: z.string().regex(kmsKeyArn),
    /** base64 of what KMS calls CiphertextBlob */
    wrapped: z.base64().min(1).max(10_000),
  }),
]);
export type WrappedKey = z.infer<typeof wrappedKeySchema>;

/** What a data key is for: everything of one backup, or the WAL of one system that one process stored. */
export interface DataKeyUse {
  source: string;
  /** a backup's id, or `wal/<system id>` */
  for: string;
}

/** `orders/20261120T051345123Z-full`, `orders/wal/7445812344987123456`: what a wrapped key is bound to. */
export const dataKeyContext = ({ source, for: use }: DataKeyUse): string => `${source}/${use}`;

export function parseDataKeyContext(context: string): DataKeyUse {
  const end = context.indexOf('/');
  return { source: context.slice(0, end), for: context.slice(end + 1) };
}

/**
 * Names the key that wrapped something, in keys of objects: `file-0123456789abcdef`, `kms-mrk-…`. All replicas of a
 * multi-Region key have the same id, and each unwraps what another one wrapped: they are one key.
 * https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html
 */
export const wrappingKeyName = ({ method, keyId }: Pick<WrappedKey, 'method' | 'keyId'>): string =>
  `${method}-${keyId.slice(keyId.lastIndexOf('/') + 1)}`;

/** As people are told. */
export const describeWrappingKey = ({ method, keyId }: Pick<WrappedKey, 'method' | 'keyId'>): string =>
  method === 'file' ? `key ${keyId} of a key file` : `KMS key ${keyId}`;

/** What somebody changes in a plan that names no key. */
export const hintForKey = ({ method, keyId }: WrappedKey): string =>
  method === 'file'
    ? `set encryption.keyFile in the plan to the file that holds key ${keyId}`
    : `set encryption.kmsKey in the plan to ${keyId}`;
