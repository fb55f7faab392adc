import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeyUnusable } from '#model/failure';

/** A key that backups' own keys are wrapped with. */
export interface FileKey {
  /** the first 16 hexadecimal digits of the SHA-256 of its bytes: tells keys apart and gives nothing away */
  id: string;
  /** 32 bytes */
  key: Buffer;
}

/*
 * The file: a line `lifeboat-key-1:<base64 of 32 bytes>` a key. The first is used for new backups, the others are old
 * ones that older backups still need. `#` begins a comment.
 */
const linePrefix = 'lifeboat-key-1:';
const keySize = 32;
const readableByOthers = 0o077;

/** A new key in a new file of ours alone, on disk before this answers. @throws KeyUnusable when the file exists. */
export async function createKeyFile(path: string): Promise<FileKey> {
  const key = randomBytes(keySize);
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(`${linePrefix}${key.toString('base64')}\n`);
    await file.sync();
    await using folder = await open(dirname(path));
    await folder.sync();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw keyUnusable(path, 'exists already and is not overwritten', 'use it, or name another file', cause);
    }
    throw keyUnusable(path, `cannot be written: ${code}`, 'the folder must exist and be writable', cause);
  }
  return fileKey(key);
}

/** The keys of a file, the current one first, at least one. @throws KeyUnusable */
export async function readKeyFile(path: string): Promise<[FileKey, ...FileKey[]]> {
  const keys: FileKey[] = [];
  for (const [index, raw] of (await readPrivately(path)).split('\n').entries()) {
    const line = raw.trim();
    if (line !== '' && !line.startsWith('#')) keys.push(parseLine(line, path, index + 1));
  }
  const [current, ...old] = keys;
  if (!current) throw keyUnusable(path, 'holds no key', 'restore it from where you keep a copy');
  return [current, ...old];
}

async function readPrivately(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { mode } = await file.stat();
    if (mode & readableByOthers) throw keyUnusable(path, 'may be read or changed by others', `chmod 600 ${path}`);
    return await file.readFile('utf8');
  } catch (cause) {
    if (cause instanceof KeyUnusable) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw keyUnusable(
        path,
        'does not exist',
        'restore it from where you keep a copy; lifeboat init makes the first one',
        cause,
      );
    }
    throw keyUnusable(path, `cannot be read: ${code}`, 'run as the account that owns it', cause);
  } finally {
    await file?.close();
  }
}

function parseLine(line: string, path: string, number: number): FileKey {
  const base64 = line.startsWith(linePrefix) ? line.slice(linePrefix.length) : '';
  const key = Buffer.from(base64, 'base64');
  if (key.length !== keySize || key.toString('base64') !== base64) {
    throw keyUnusable(
      path,
      `line ${number} is not ${linePrefix} and 32 bytes in base64`,
      'restore it from where you keep a copy',
    );
  }
  return fileKey(key);
}

const fileKey = (key: Buffer): FileKey => ({ id: createHash('sha256').update(key).digest('hex').slice(0, 16), key });

const keyUnusable = (path: string, what: string, hint: string, cause?: unknown): KeyUnusable =>
  new KeyUnusable(`key file ${path}: ${what}`, {
    operation: 'read key file',
    subject: path,
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
