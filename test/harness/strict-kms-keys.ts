import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
} from 'node:crypto';
import { KmsRefusal } from './strict-kms-refusal.ts';

const account = '111122223333';

export type KmsKeyState = 'Enabled' | 'Disabled' | 'PendingDeletion';

/** A key, or one replica of it, in one region. */
export interface KmsKey {
  id: string;
  region: string;
  arn: string;
  state: KmsKeyState;
}

/** All keys of an account, in all regions. What they encrypt is AES-256-GCM with the context as additional data. */
export class KmsKeys {
  readonly #keys: KmsKey[] = [];
  /** replicas of a key share it */
  readonly #material = new Map<string, Buffer>();
  readonly #signing = new Map<string, KeyObject>();
  readonly #aliases = new Map<string, KmsKey>();

  create(region: string, { multiRegion = false } = {}): KmsKey {
    const id = multiRegion ? `mrk-${randomUUID().replaceAll('-', '')}` : randomUUID();
    this.#material.set(id, randomBytes(32));
    return this.#add(id, region);
  }

  /** ECC_NIST_P256, SIGN_VERIFY. */
  createSigning(region: string): KmsKey {
    const id = randomUUID();
    this.#signing.set(id, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    return this.#add(id, region);
  }

  replicate({ id }: KmsKey, region: string): KmsKey {
    if (!id.startsWith('mrk-')) throw new Error('only a multi-Region key has replicas');
    return this.#add(id, region);
  }

  /** The alias's ARN. */
  alias(key: KmsKey, name: string): string {
    const arn = `arn:aws:kms:${key.region}:${account}:alias/${name}`;
    this.#aliases.set(arn, key);
    return arn;
  }

  /** What happens when the days of waiting are over. */
  delete(key: KmsKey): void {
    this.#keys.splice(this.#keys.indexOf(key), 1);
  }

  /** By id, ARN or alias, as a request to a region names it. */
  find(keyId: string, region: string): KmsKey {
    const arn = /^arn:aws:kms:([a-z0-9-]+):(\d{12}):(?:key|alias)\/.+$/.exec(keyId);
    if (keyId.startsWith('arn:') && !arn) throw new KmsRefusal('InvalidArnException', `Invalid arn ${keyId}`);
    if (arn && arn[1] !== region) throw new KmsRefusal('NotFoundException', `Invalid arn ${arn[1]}`);
    const aliasArn = keyId.startsWith('alias/') ? `arn:aws:kms:${region}:${account}:${keyId}` : keyId;
    const key = this.#aliases.get(aliasArn) ?? this.#keys.find((one) => one.region === region && isNamed(one, keyId));
    if (key) return key;
    const isAlias = aliasArn.includes(':alias/');
    throw new KmsRefusal(
      'NotFoundException',
      `${isAlias ? 'Alias' : 'Key'} '${arn ? keyId : `arn:aws:kms:${region}:${account}:key/${keyId}`}' ${isAlias ? 'is not found.' : 'does not exist'}`,
    );
  }

  encrypt(key: KmsKey, plaintext: Buffer, context: Record<string, string>): Buffer {
    this.#checkUsable(key, 'Encrypt');
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#material.get(key.id)!, nonce);
    cipher.setAAD(additional(context));
    const id = Buffer.from(key.id);
    const sealed = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat([Buffer.from([1, id.length]), id, nonce, ...sealed]);
  }

  decrypt(key: KmsKey, blob: Buffer, context: Record<string, string>): Buffer {
    this.#checkUsable(key);
    const end = 2 + (blob[1] ?? 0);
    if (blob[0] !== 1 || blob.length < end + 28) throw new KmsRefusal('InvalidCiphertextException', '');
    if (blob.subarray(2, end).toString() !== key.id) {
      throw new KmsRefusal(
        'IncorrectKeyException',
        'The key ID in the request does not identify a CMK that can perform this operation.',
      );
    }
    const decipher = createDecipheriv('aes-256-gcm', this.#material.get(key.id)!, blob.subarray(end, end + 12));
    decipher.setAAD(additional(context));
    decipher.setAuthTag(blob.subarray(-16));
    try {
      return Buffer.concat([decipher.update(blob.subarray(end + 12, -16)), decipher.final()]);
    } catch {
      throw new KmsRefusal('InvalidCiphertextException', '');
    }
  }

  /** SubjectPublicKeyInfo in DER. https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html */
  publicKey(key: KmsKey): Buffer {
    this.#checkUsable(key);
    const own = this.#signing.get(key.id);
    if (own) return createPublicKey(own).export({ format: 'der', type: 'spki' });
    throw new KmsRefusal('UnsupportedOperationException', `${key.arn} is a symmetric key.`);
  }

  /** DER. https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html */
  sign(key: KmsKey, message: Buffer): Buffer {
    this.#checkUsable(key);
    const own = this.#signing.get(key.id);
    if (own) return sign('sha256', message, { key: own, dsaEncoding: 'der' });
    throw new KmsRefusal(
      'InvalidKeyUsageException',
      `${key.arn} key usage is ENCRYPT_DECRYPT which is not valid for Sign.`,
    );
  }

  #add(id: string, region: string): KmsKey {
    const key: KmsKey = { id, region, arn: `arn:aws:kms:${region}:${account}:key/${id}`, state: 'Enabled' };
    this.#keys.push(key);
    return key;
  }

  #checkUsable({ id, state, arn }: KmsKey, encrypts?: string): void {
    if (state === 'Disabled') throw new KmsRefusal('DisabledException', `${arn} is disabled.`);
    if (state === 'PendingDeletion') throw new KmsRefusal('KMSInvalidStateException', `${arn} is pending deletion.`);
    if (encrypts !== undefined && this.#signing.has(id))
      throw new KmsRefusal(
        'InvalidKeyUsageException',
        `${arn} key usage is SIGN_VERIFY which is not valid for ${encrypts}.`,
      );
  }
}

const isNamed = ({ id, arn }: KmsKey, keyId: string): boolean => keyId === id || keyId === arn;

const additional = (context: Record<string, string>): Buffer =>
  Buffer.from(JSON.stringify(Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1))));
