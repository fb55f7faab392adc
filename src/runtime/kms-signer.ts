import { createPublicKey, type KeyObject } from 'node:crypto';
import { algorithmOf } from '#model/evidence-head';
import type { EvidenceSigner, SignerIdentity } from '#model/evidence-signer';
import { KeyUnusable } from '#model/failure';
import { parseKmsArn } from '#model/kms-arn';
import type { Environment } from './environment.ts';
import { type KmsAsked, kmsFailure } from './kms-failure.ts';
import type { KmsService } from './kms-service.ts';

/**
 * Signs with an asymmetric key of KMS (ECC_NIST_P256, SIGN_VERIFY), which never leaves it: ARN of the key, or of an alias. A
 * head names the key itself, so that it can be verified when the alias has moved on.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
 */
export function kmsSigner(kmsKey: string, environment: Environment, { stallMs = 10_000 } = {}): EvidenceSigner {
  const { region } = parseKmsArn(kmsKey)!;
  let opening: Promise<KmsService> | undefined;
  let known: Promise<SignerIdentity> | undefined;

  const ask = async <T>(asked: Omit<KmsAsked, 'region' | 'context'>, call: (kms: KmsService) => Promise<T>) => {
    try {
      opening ??= import('./kms-service.ts').then((module) => module.kmsService(environment, region, stallMs));
      return await call(await opening);
    } catch (error) {
      throw kmsFailure({ ...asked, region, context: 'the evidence' }, error);
    }
  };

  const identify = async (): Promise<SignerIdentity> => {
    const asked = { operation: 'read public key', right: 'kms:GetPublicKey', keyId: kmsKey } as const;
    const { keyId, publicKey } = await ask(asked, (kms) => kms.publicKey(kmsKey));
    const algorithm = publicKey && algorithmOf(spkiKey(publicKey));
    if (keyId === undefined || !publicKey || algorithm !== 'ecdsa-p256-sha256') {
      throw new KeyUnusable(`${kmsKey} is no key that signs evidence: it is not on the curve P-256`, {
        operation: 'read public key',
        subject: kmsKey,
        hint: 'it takes a key of KMS with the spec ECC_NIST_P256 and the usage SIGN_VERIFY',
      });
    }
    return { algorithm, keyId, publicKey: Buffer.from(publicKey).toString('base64') };
  };

  return {
    identify() {
      known ??= identify().catch((failure) => {
        known = undefined;
        throw failure;
      });
      return known;
    },
    async sign(bytes) {
      const { keyId } = await this.identify();
      const signature = await ask({ operation: 'sign', right: 'kms:Sign', keyId }, (kms) => kms.sign(keyId, bytes));
      if (signature) return Buffer.from(signature);
      throw new KeyUnusable(`${keyId}: KMS answered without a signature`, {
        operation: 'sign',
        subject: keyId,
        hint: 'what answers at AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL does not speak as KMS does',
      });
    },
  };
}

const spkiKey = (der: Uint8Array): KeyObject => createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
