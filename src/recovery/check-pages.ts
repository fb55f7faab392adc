import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { judgePage } from '#postgres/page-checksum';

export interface PageCheck {
  pages: number;
  /** the first wrong pages: file and block */
  wrong: { file: string; block: number }[];
  wrongPages: number;
}

const kept = 10;
const chunkBytes = 4 << 20;
/** blocks of one segment file of a relation: 1 GiB */
const segmentBytes = 1 << 30;
/** `16384`, `16384_fsm`, `16384.1`; not pg_filenode.map, PG_VERSION and the like */
const relationFile = /^(?:t\d+_)?\d+(?:_[a-z]+)?(?:\.(\d+))?$/;

/** Read every page of a cluster that is not running and compare its checksum. */
export async function checkPages(dataDir: string, blockSize: number, signal: AbortSignal): Promise<PageCheck> {
  const check: PageCheck = { pages: 0, wrong: [], wrongPages: 0 };
  const words = new Uint32Array(chunkBytes / 4); // one for all: most files are smaller than it takes to clear it
  for (const folder of ['global', 'base', 'pg_tblspc']) {
    for await (const file of relationFiles(join(dataDir, folder))) {
      signal.throwIfAborted();
      await checkFile(file, blockSize, words, check);
    }
  }
  return check;
}

async function* relationFiles(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // pgsql_tmp holds what a crash left of sorts and hashes: no pages
    if (entry.name.startsWith('pgsql_tmp')) continue;
    if (entry.isDirectory() || entry.isSymbolicLink()) yield* relationFiles(path);
    else if (relationFile.test(entry.name)) yield path;
  }
}

async function checkFile(path: string, blockSize: number, words: Uint32Array, check: PageCheck): Promise<void> {
  const segment = Number(relationFile.exec(path.slice(path.lastIndexOf('/') + 1))?.[1] ?? 0);
  let block = segment * (segmentBytes / blockSize);
  const chunk = Buffer.from(words.buffer);
  const file = await open(path);
  try {
    for (let position = 0; ; ) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
      for (let at = 0; at + blockSize <= bytesRead; at += blockSize, block++) {
        check.pages++;
        const page = words.subarray(at / 4, (at + blockSize) / 4);
        if (judgePage(page, block) === 'wrong') note(check, path, block);
      }
      position += bytesRead;
      if (bytesRead < chunk.length) return;
    }
  } finally {
    await file.close();
  }
}

function note(check: PageCheck, file: string, block: number): void {
  check.wrongPages++;
  if (check.wrong.length < kept) check.wrong.push({ file, block });
}
