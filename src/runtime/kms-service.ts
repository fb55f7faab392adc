import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  SignCommand,
} from '@aws-sdk/client-kms';
import { awsClientConfig } from './aws-client-config.ts';
import type { Environment } from './environment.ts';

export type EncryptionContext = Record<string, string>;

/** A data key as KMS gives it; `keyId` is the ARN of the key that wrapped it, also where an alias was asked for. */
export interface KmsWrapped {
  keyId: string | undefined;
  ciphertext: Uint8Array | undefined;
}

/** KMS in one region: the three calls that data keys take, the two that signatures do, and its errors as they are. */
export interface KmsService {
  generateDataKey(keyId: string, context: EncryptionContext): Promise<KmsWrapped & { dataKey: Uint8Array | undefined }>;
  encrypt(keyId: string, dataKey: Uint8Array, context: EncryptionContext): Promise<KmsWrapped>;
  decrypt(keyId: string, ciphertext: Uint8Array, context: EncryptionContext): Promise<Uint8Array | undefined>;
  /** SubjectPublicKeyInfo in DER, and the ARN of its key, also where an alias was asked for */
  publicKey(keyId: string): Promise<{ keyId: string | undefined; publicKey: Uint8Array | undefined }>;
  /** By ECDSA with SHA-256, as DER; at most 4,096 bytes. */
  sign(keyId: string, message: Uint8Array): Promise<Uint8Array | undefined>;
}

/** Throttling and answers of 5xx are repeated, up to five times in all; silence counts as failed after `stallMs`. */
export function kmsService(environment: Environment, region: string, stallMs: number): KmsService {
  const client = new KMSClient({
    ...awsClientConfig(environment, 'kms'),
    region,
    retryMode: 'standard',
    maxAttempts: 5,
    requestHandler: { connectionTimeout: Math.min(5_000, stallMs), socketTimeout: stallMs },
  });
  return {
    async generateDataKey(keyId, context) {
      const command = new GenerateDataKeyCommand({ KeyId: keyId, KeySpec: 'AES_256', EncryptionContext: context });
      const { KeyId, CiphertextBlob, Plaintext } = await client.send(command);
      return { keyId: KeyId, ciphertext: CiphertextBlob, dataKey: Plaintext };
    },
    async encrypt(keyId, dataKey, context) {
      const command = new EncryptCommand({ KeyId: keyId, Plaintext: dataKey, EncryptionContext: context });
      const { KeyId, CiphertextBlob } = await client.send(command);
      return { keyId: KeyId, ciphertext: CiphertextBlob };
    },
    async decrypt(keyId, ciphertext, context) {
      const command = new DecryptCommand({ KeyId: keyId, CiphertextBlob: ciphertext, EncryptionContext: context });
      return (await client.send(command)).Plaintext;
    },
    async publicKey(keyId) {
      const { KeyId, PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
      return { keyId: KeyId, publicKey: PublicKey };
    },
    async sign(keyId, message) {
      const how = { MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
      return (await client.send(new SignCommand({ KeyId: keyId, Message: message, ...how }))).Signature;
    },
  };
}
