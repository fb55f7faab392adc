import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { KeyUnusable } from '#model/failure';
import { describeWrappingKey, type WrappedKey } from '#model/wrapped-key';
import { damaged } from '#pipeline/container';

/** 32 bytes that encrypt one backup, or the WAL that one process stores. Never written anywhere but wrapped. */
export type DataKey = Buffer;

export const dataKeyBytes = 32;

/**
 * Who wraps data keys. `context` says what the data key is for (`orders/20261120T051345123Z-full`); it is
 * authenticated, so that a wrapped key only opens what it was made for.
 */
export interface KeyRing {
  create(context: string): Promise<{ dataKey: DataKey; wrapped: WrappedKey }>;
  /**
   * @throws KeyUnusable when this ring does not hold the key; ObjectDamaged when what was wrapped was changed;
   * StoreUnavailable when who holds the key does not answer
   */
  unwrap(wrapped: WrappedKey, context: string): Promise<DataKey>;
}

/** A ring that also wraps data keys that others made. */
export interface WrappingRing extends KeyRing {
  /** by the key that new data keys are wrapped by */
  wrap(dataKey: DataKey, context: string): Promise<WrappedKey>;
}

export interface MasterKey {
  id: string;
  key: Buffer;
}

export const masterKeyId = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 16);

/** The keys of a key file: the first one wraps, all of them unwrap. */
export function keyFileRing(masterKeys: readonly MasterKey[]): WrappingRing {
  const current = masterKeys[0]!;
  const wrap = (dataKey: DataKey, context: string): WrappedKey => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', current.key, nonce);
    cipher.setAAD(wrapContext(context));
    const sealed = Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
    return { method: 'file', keyId: current.id, wrapped: sealed.toString('base64') };
  };
  return {
    async create(context) {
      const dataKey = randomBytes(dataKeyBytes);
      return { dataKey, wrapped: wrap(dataKey, context) };
    },
    async wrap(dataKey, context) {
      return wrap(dataKey, context);
    },
    async unwrap(wrapped, context) {
      const master = masterKeys.find(({ id }) => wrapped.method === 'file' && id === wrapped.keyId);
      if (!master) throw notHeld(wrapped, context, masterKeys);
      const sealed = Buffer.from(wrapped.wrapped, 'base64');
      if (sealed.length !== 60) throw damaged(context, `has a wrapped key of ${sealed.length} bytes, expected 60`);
      const decipher = createDecipheriv('aes-256-gcm', master.key, sealed.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(wrapContext(context));
      decipher.setAuthTag(sealed.subarray(44));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(12, 44)), decipher.final()]);
      } catch (cause) {
        throw keyDamaged(context, cause);
      }
    },
  };
}

const wrapContext = (context: string): Buffer => Buffer.from(`lifeboat/1 data key ${context}`);

/** What a ring says of a wrapped key that its key did not make, or not for this. */
export const keyDamaged = (context: string, cause?: unknown) =>
  damaged(context, 'has a wrapped key that was changed or made for something else', cause);

function notHeld(wrapped: WrappedKey, context: string, masterKeys: readonly MasterKey[]): KeyUnusable {
  const held = masterKeys.map(({ id }) => id).join(', ');
  const by = wrapped.method === 'file' ? `key ${wrapped.keyId}` : describeWrappingKey(wrapped);
  return new KeyUnusable(`${context} was encrypted with ${by}, the key file holds ${held}`, {
    operation: 'unwrap data key',
    subject: context,
    hint:
      wrapped.method === 'file'
        ? 'point encryption.keyFile in the plan to the file that holds this key; old keys may stand on further lines'
        : 'encryption.keyFile in the plan cannot hold it: re-wrap it with `lifeboat rekey --from-kms-key`, or let the plan name that KMS key',
  });
}
