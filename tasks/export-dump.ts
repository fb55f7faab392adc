import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Aborted, InputInvalid } from '#model/failure';

/**
 * A content as a file that appears under its name only when all of it is there, and as it was written; nobody else may
 * read it. Answers its length. @throws InputInvalid when there is a file of that name; what the content throws
 */
export async function exportToFile(content: AsyncIterable<Buffer>, path: string, signal: AbortSignal): Promise<number> {
  if (existsSync(path)) throw new InputInvalid('--to', path, 'a file that does not exist yet');
  const partial = `${path}.partial`;
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(partial, 'wx', 0o600);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const hint = code === 'EEXIST' ? `another export writes it, or was killed: then remove ${partial}` : undefined;
    throw new InputInvalid('--to', path, `a file that can be made, got ${code} for ${partial}`, hint);
  }
  let bytes = 0;
  try {
    for await (const block of content) {
      signal.throwIfAborted();
      await file.writeFile(block); // at the position where the last one ended
      bytes += block.length;
    }
    await file.sync();
    await file.close();
    await rename(partial, path);
    return bytes;
  } catch (failure) {
    await file.close().catch(() => undefined); // it is closed
    await rm(partial, { force: true });
    throw failure;
  }
}

/** The same for who reads it as it comes, and cannot give it back: a failure says that what he has is not all of it. */
export async function exportToStream(
  content: AsyncIterable<Buffer>,
  stream: Writable,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  const counted = async function* () {
    for await (const block of content) {
      yield block;
      bytes += block.length;
    }
  };
  try {
    await pipeline(counted(), stream, { signal, end: false });
    return bytes;
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== 'EPIPE') throw failure;
    throw new Aborted('whoever read standard output has gone before its end', {
      operation: 'export dump',
      subject: 'standard output',
    });
  }
}
