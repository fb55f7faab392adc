import { constants } from 'node:os';
import { Failure, StoreRefused, StoreUnavailable } from '#model/failure';

/** Do something on disk; what the operating system refuses becomes one of our failures. */
export async function onDisk<T>(operation: string, subject: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw directoryFailure(operation, subject, error);
  }
}

/** What a refusal of the operating system means to whoever runs this. */
export function directoryFailure(operation: string, subject: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = errorCode(error) ?? 'unknown error';
  const hint = hints[code];
  const message = `${operation} ${subject}: ${code}${describe(error)}`;
  const detail = { operation, subject, cause: error, ...(hint === undefined ? {} : { hint }) };
  return retryable.has(code) ? new StoreUnavailable(message, detail) : new StoreRefused(message, detail);
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Is nothing there? A path that leads through a file leads nowhere, too. */
export function isNotThere(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function describe(error: unknown): string {
  const errno = error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? -error.errno : 0;
  if (errno !== 0 && Object.values(constants.errno).includes(errno)) return '';
  return error instanceof Error ? ` (${error.message})` : '';
}

/** What may pass by itself; everything else needs somebody. */
const retryable = new Set([
  'EIO',
  'EAGAIN',
  'EBUSY',
  'EINTR',
  'EMFILE',
  'ENFILE',
  'ENOLCK',
  'ENOMEM',
  'ESTALE',
  'ETIMEDOUT',
]);

const hints: Record<string, string> = {
  ENOSPC: 'the disk is full: free space on it, or let expiry remove old backups',
  EDQUOT: 'the disk quota is used up: raise it, or let expiry remove old backups',
  EROFS: 'the file system is mounted read-only: remount it for writing, and look into dmesg for why it is',
  EACCES: 'give the user that runs this the right to read and write the bucket and everything in it',
  EPERM: 'give the user that runs this the right to write; the file system has to know hard links',
  ENOTSUP: 'the bucket has to be on a file system that knows hard links',
  ENOSYS: 'the bucket has to be on a file system that knows hard links',
  EXDEV: 'the whole bucket has to be on one file system, .lifeboat included',
  EIO: 'the disk or the network file system reported an error: look into dmesg',
  ESTALE: 'the network file system was changed under us: check its mount',
  EMFILE: 'too many open files: raise ulimit -n',
  ENAMETOOLONG: "use a shorter path for the bucket's directory",
};
