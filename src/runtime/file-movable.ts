import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { access, constants, type FileHandle, lstat, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TrafficNotMoved } from '#failover/failures';
import type { Movable } from '#failover/movable';
import { Failure, ServerUnsuitable } from '#model/failure';

/** Longer than any value of a plan: a longer file holds something else. */
const largestBytes = 8_192;
/** Applications have to read it, and it holds no secret. */
const modeOfNewFile = 0o644;

/**
 * A file whose whole content is a value and a newline. It is replaced at once and for good: whoever reads it sees the old value or
 * the new one, also after a crash; owner and mode stay. What no such file could hold, or what lies elsewhere behind a symbolic
 * link, is somebody else's and is refused untouched. `pattern`: what a value looks like.
 */
export function fileMovable(
  path: string,
  facts: Pick<Movable, 'part' | 'what' | 'site' | 'wanted'>,
  pattern: RegExp = /^[^\n\0]*$/,
): Movable {
  const read = () => attempt('read', path, () => readValue(path, pattern));
  return {
    ...facts,
    read,
    put: (value) =>
      attempt('write', path, async () => {
        const found = await inspect(path);
        await (value === null ? removeFile(path) : replaceFile(path, `${value}\n`, found));
        await syncFolder(dirname(path));
        return null;
      }),
    settled: async () => true,
    check: async () => {
      try {
        await attempt('check', path, () => checkPlace(path));
        await read();
        return [];
      } catch (failure) {
        if (failure instanceof Failure) return [failure.message];
        throw failure;
      }
    },
  };
}

/** undefined: there is none yet. @throws ServerUnsuitable for what we would not replace */
async function inspect(path: string): Promise<Stats | undefined> {
  const folder = dirname(path);
  const place = await stat(folder).catch(orMissing);
  if (!place?.isDirectory()) throw unsuitable(path, `there is no folder ${folder}`, 'make it, or change the plan');
  const found = await lstat(path).catch(orMissing);
  if (!found) return undefined;
  if (found.isSymbolicLink())
    throw unsuitable(
      path,
      'it is a symbolic link, and would be replaced',
      'put the path that it leads to into the plan',
    );
  if (!found.isFile()) throw unsuitable(path, 'it is no file', 'put the path of a file into the plan');
  return found;
}

async function readValue(path: string, pattern: RegExp): Promise<string | null> {
  const found = await inspect(path);
  if (!found) return null;
  const text = found.size > largestBytes ? undefined : (await readFile(path, 'utf8')).replace(/\n$/, '');
  if (text !== undefined && pattern.test(text)) return text;
  const hint = 'it is replaced as a whole, so it has to be a file of its own: put the path of one into the plan';
  throw unsuitable(path, 'it holds something else than one value', hint);
}

async function checkPlace(path: string): Promise<void> {
  const found = await inspect(path);
  await access(dirname(path), constants.W_OK | constants.X_OK);
  const we = process.getuid?.();
  if (found && we !== 0 && found.uid !== we) throw othersFile(path, found);
}

async function replaceFile(path: string, text: string, found: Stats | undefined): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(text);
    await giveAccess(file, path, found);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function giveAccess(file: FileHandle, path: string, found: Stats | undefined): Promise<void> {
  const ours = await file.stat();
  if (found && (found.uid !== ours.uid || found.gid !== ours.gid)) {
    await file.chown(found.uid, found.gid).catch(() => {
      throw othersFile(path, found);
    });
  }
  await file.chmod(found ? found.mode & 0o7777 : modeOfNewFile);
}

async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

async function attempt<T>(operation: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
      const hint = `let the account that runs lifeboat write in ${dirname(path)}`;
      throw unsuitable(path, `it may not be changed: ${code}`, hint);
    }
    throw new TrafficNotMoved(`cannot ${operation} file ${path}: ${code}`, { operation, subject: path, cause: error });
  }
}

const orMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
};

const othersFile = (path: string, { uid, gid }: Stats): ServerUnsuitable =>
  unsuitable(
    path,
    `it belongs to user ${uid} and group ${gid}, which could not be kept`,
    'give it to the account that runs lifeboat: others may read it',
  );

const unsuitable = (path: string, what: string, hint: string): ServerUnsuitable =>
  new ServerUnsuitable(`cannot use file ${path}: ${what}`, { operation: 'move', subject: path, hint });
