import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { algorithmOf } from '#model/evidence-head';
import type { EvidenceSigner, SignerIdentity } from '#model/evidence-signer';
import { KeyUnusable } from '#model/failure';

/*
 * The file: an Ed25519 key in PKCS#8, in PEM, for us alone. Beside it `<file>.pub`, in PEM, which anybody may have: by it
 * the signatures are verified, also where the key itself is not.
 */
const readableByOthers = 0o077;

export const publicKeyPath = (path: string): string => `${path}.pub`;

/** A new key in two new files, on disk before this answers. @throws KeyUnusable when one of them exists */
export async function createSigningKey(path: string): Promise<SignerIdentity> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await writePem(path, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, 0o600);
  await writePem(publicKeyPath(path), publicKey.export({ format: 'pem', type: 'spki' }) as string, 0o644);
  return identityOf(publicKey);
}

/** @throws KeyUnusable when it is missing, no Ed25519 key, or may be read by others */
export async function openSigningKey(path: string): Promise<EvidenceSigner> {
  const key = parsePrivate(await readPrivately(path), path);
  const identity = identityOf(createPublicKey(key));
  return { identify: async () => identity, sign: async (bytes) => sign(null, bytes, key) };
}

/**
 * The public keys in a file of PEM, as heads have them: base64 of DER.
 * @throws KeyUnusable when there is no such file, or something else is in it
 */
export async function readPublicKeys(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw unusable(path, `cannot be read: ${cause.code}`, 'name a file with public keys in PEM', cause);
  });
  const blocks = text.match(/-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----/g) ?? [];
  if (blocks.length === 0)
    throw unusable(path, 'holds no public key in PEM', 'it begins with -----BEGIN PUBLIC KEY-----');
  return blocks.map((pem) => parsePublic(pem, path));
}

/** Who it is, by the key that everybody may know. */
export function identityOf(publicKey: KeyObject): SignerIdentity {
  const der = publicKey.export({ format: 'der', type: 'spki' });
  const keyId = `sha256:${createHash('sha256').update(der).digest('hex')}`;
  return { algorithm: algorithmOf(publicKey)!, keyId, publicKey: der.toString('base64') };
}

async function writePem(path: string, pem: string, mode: number): Promise<void> {
  try {
    await using file = await open(path, 'wx', mode);
    await file.writeFile(pem);
    await file.sync();
    await using folder = await open(dirname(path));
    await folder.sync();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw unusable(path, 'exists already and is not overwritten', 'use it, or move it away', cause);
    throw unusable(path, `cannot be written: ${code}`, 'the folder must exist and be writable', cause);
  }
}

async function readPrivately(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { mode } = await file.stat();
    if (mode & readableByOthers) throw unusable(path, 'may be read or changed by others', `chmod 600 ${path}`);
    return await file.readFile('utf8');
  } catch (cause) {
    if (cause instanceof KeyUnusable) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const hint =
      code === 'ENOENT'
        ? `make one: openssl genpkey -algorithm ed25519 -out ${path}; or leave evidence out of the plan`
        : 'run as the account that owns it';
    throw unusable(path, code === 'ENOENT' ? 'does not exist' : `cannot be read: ${code}`, hint, cause);
  } finally {
    await file?.close();
  }
}

function parsePrivate(pem: string, path: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // the cause may quote the file
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw unusable(path, 'holds no Ed25519 key in PEM', `openssl genpkey -algorithm ed25519 -out ${path} makes one`);
}

function parsePublic(pem: string, path: string): string {
  // of a private key the public one can be made, too, but then somebody is about to give it away
  if (/PRIVATE/.test(pem)) throw unusable(path, 'holds a private key', `hand out ${publicKeyPath('FILE')} instead`);
  let key: KeyObject | undefined;
  try {
    key = createPublicKey(pem);
  } catch {
    // told below
  }
  if (key && algorithmOf(key)) return identityOf(key).publicKey;
  throw unusable(
    path,
    'holds a public key that is neither Ed25519 nor P-256',
    'name the keys that signed the evidence',
  );
}

const unusable = (path: string, what: string, hint: string, cause?: unknown): KeyUnusable =>
  new KeyUnusable(`signing key ${path}: ${what}`, {
    operation: 'read signing key',
    subject: path,
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
