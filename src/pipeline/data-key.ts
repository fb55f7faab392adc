import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { KeyUnusable } from '#model/failure';
import { damaged } from '#pipeline/container';

/** 32 bytes that encrypt one backup, or the WAL that one process stores. Never written anywhere but wrapped. */
export type DataKey = Buffer;

/** A data key as it is stored: encrypted by a key that is not in the bucket. */
export interface WrappedKey {
  /** who can unwrap it; `file`: a key file, AES-256-GCM */
  method: 'file';
  /** which key of the key ring: the first 16 hex digits of the SHA-256 of the key */
  keyId: string;
  /** base64 of nonce (12 bytes), ciphertext (32), tag (16) */
  wrapped: string;
}

/**
 * Who wraps data keys. `context` says what the data key is for (`orders/20261120T051345123Z-full`); it is
 * authenticated, so that a wrapped key only opens what it was made for.
 */
export interface KeyRing {
  create(context: string): Promise<{ dataKey: DataKey; wrapped: WrappedKey }>;
  /** @throws KeyUnusable when this ring does not hold the key; ObjectDamaged when what was wrapped was changed */
  unwrap(wrapped: WrappedKey, context: string): Promise<DataKey>;
}

export interface MasterKey {
  id: string;
  key: Buffer;
}

export const masterKeyId = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 16);

/** The keys of a key file: the first one wraps, all of them unwrap. */
export function keyFileRing(masterKeys: readonly MasterKey[]): KeyRing {
  const current = masterKeys[0]!;
  return {
    async create(context) {
      const dataKey = randomBytes(32);
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', current.key, nonce);
      cipher.setAAD(wrapContext(context));
      const sealed = Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
      return { dataKey, wrapped: { method: 'file', keyId: current.id, wrapped: sealed.toString('base64') } };
    },
    async unwrap(wrapped, context) {
      const master = masterKeys.find((candidate) => candidate.id === wrapped.keyId);
      if (!master) {
        throw unusable(
          context,
          `was encrypted with key ${wrapped.keyId}, the key file holds ${masterKeys.map((k) => k.id).join(', ')}`,
        );
      }
      const sealed = Buffer.from(wrapped.wrapped, 'base64');
      if (sealed.length !== 60) throw damaged(context, `has a wrapped key of ${sealed.length} bytes, expected 60`);
      const decipher = createDecipheriv('aes-256-gcm', master.key, sealed.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(wrapContext(context));
      decipher.setAuthTag(sealed.subarray(44));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(12, 44)), decipher.final()]);
      } catch (cause) {
        throw damaged(context, 'has a wrapped key that was changed or made for something else', cause);
      }
    },
  };
}

const wrapContext = (context: string): Buffer => Buffer.from(`lifeboat/1 data key ${context}`);

function unusable(context: string, what: string): KeyUnusable {
  return new KeyUnusable(`${context} ${what}`, {
    operation: 'unwrap data key',
    subject: context,
    hint: 'point encryption.keyFile in the plan to the file that holds this key; old keys may stand on further lines',
  });
}
