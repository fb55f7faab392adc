import { ObjectDamaged } from '#model/failure';
import { isMultiRegionKey, type KmsArn, parseKmsArn, printKmsArn } from '#model/kms-arn';
import { parseDataKeyContext, type WrappedKey } from '#model/wrapped-key';
import { type DataKey, dataKeyBytes, keyDamaged, type WrappingRing } from '#pipeline/data-key';
import type { Environment } from './environment.ts';
import { isKeyNotFound, type KmsAsked, kmsFailure, notHeldByKms, withoutReplica } from './kms-failure.ts';
import type { EncryptionContext, KmsService, KmsWrapped } from './kms-service.ts';

export interface KmsKeyRingOptions {
  /** how long KMS may be silent before a request counts as failed, and is repeated */
  stallMs?: number;
}

/**
 * Data keys that KMS makes and unwraps: `kmsKey` is the ARN of a symmetric key, or of an alias, and wraps new ones.
 * It unwraps what any KMS key wrapped that these credentials may decrypt with.
 *
 * A multi-Region key is asked for in the region of `kmsKey`, whichever region the data key was wrapped in: in the
 * recovery region `kmsKey` is the replica there, and nothing else is needed.
 *
 * The SDK is loaded, and a client made, by the first call: many commands only look at what is not encrypted.
 */
export function kmsKeyRing(
  kmsKey: string,
  environment: Environment,
  { stallMs = 10_000 }: KmsKeyRingOptions = {},
): WrappingRing {
  const { region: ownRegion } = parseKmsArn(kmsKey)!;
  const services = new Map<string, Promise<KmsService>>();

  const ask = async <T>(asked: KmsAsked, call: (service: KmsService) => Promise<T>): Promise<T> => {
    try {
      let opening = services.get(asked.region);
      opening ??= import('./kms-service.ts').then((module) => module.kmsService(environment, asked.region, stallMs));
      services.set(asked.region, opening);
      return await call(await opening);
    } catch (error) {
      throw kmsFailure(asked, error);
    }
  };

  const unwrapWith = async (arn: KmsArn, ciphertext: Buffer, context: string): Promise<DataKey> => {
    const keyId = printKmsArn(arn);
    const asked = { operation: 'unwrap data key', right: 'kms:Decrypt', keyId, region: arn.region, context } as const;
    const plaintext = await ask(asked, (kms) => kms.decrypt(keyId, ciphertext, encryptionContext(context)));
    return checkedDataKey(plaintext, context);
  };

  return {
    async create(context) {
      const asked = { operation: 'make data key', right: 'kms:GenerateDataKey', keyId: kmsKey, context } as const;
      const made = await ask({ ...asked, region: ownRegion }, (kms) =>
        kms.generateDataKey(kmsKey, encryptionContext(context)),
      );
      return { dataKey: checkedDataKey(made.dataKey, context), wrapped: wrappedKey(made, context) };
    },
    async wrap(dataKey, context) {
      const asked = { operation: 'wrap data key', right: 'kms:Encrypt', keyId: kmsKey, context } as const;
      const made = await ask({ ...asked, region: ownRegion }, (kms) =>
        kms.encrypt(kmsKey, dataKey, encryptionContext(context)),
      );
      return wrappedKey(made, context);
    },
    async unwrap(wrapped, context) {
      const home = wrapped.method === 'kms' ? parseKmsArn(wrapped.keyId) : undefined;
      if (!home) throw notHeldByKms(wrapped, context, kmsKey);
      const ciphertext = Buffer.from(wrapped.wrapped, 'base64');
      if (!isMultiRegionKey(home) || home.region === ownRegion) return unwrapWith(home, ciphertext, context);
      try {
        return await unwrapWith({ ...home, region: ownRegion }, ciphertext, context);
      } catch (failure) {
        if (!isKeyNotFound(failure)) throw failure;
        return unwrapWith(home, ciphertext, context).catch((elsewhere) => {
          throw withoutReplica(elsewhere, home, ownRegion);
        });
      }
    },
  };
}

/** What a data key is bound to, as KMS logs it in CloudTrail and as policies can ask for it. */
export function encryptionContext(context: string): EncryptionContext {
  const use = parseDataKeyContext(context);
  return { 'lifeboat:source': use.source, 'lifeboat:for': use.for };
}

function checkedDataKey(plaintext: Uint8Array | undefined, context: string): DataKey {
  if (plaintext?.length === dataKeyBytes) return Buffer.from(plaintext);
  throw keyDamaged(context);
}

function wrappedKey({ keyId, ciphertext }: KmsWrapped, context: string): WrappedKey {
  if (keyId !== undefined && parseKmsArn(keyId)?.resource.startsWith('key/') && ciphertext) {
    return { method: 'kms', keyId, wrapped: Buffer.from(ciphertext).toString('base64') };
  }
  throw new ObjectDamaged(`${context}: KMS answered without the ARN of its key or without the wrapped key`, {
    operation: 'wrap data key',
    subject: context,
    hint: 'what answers at AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL does not speak as KMS does',
  });
}
