import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ObjectDamaged } from '#model/failure';
import { type ControlFile, parseControlFile } from '#postgres/control-file';

/**
 * global/pg_control of a data directory; undefined where there is none. A running server writes it in place, so what fails
 * its checksum is read again for a moment.
 * @throws ObjectDamaged, InputInvalid for a version that is not known
 */
export async function readControlFile(dataDir: string): Promise<ControlFile | undefined> {
  for (let turn = 1; ; turn++) {
    try {
      return parseControlFile(await readFile(join(dataDir, 'global', 'pg_control')));
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      if (!(error instanceof ObjectDamaged) || turn === 10) throw error;
    }
    await sleep(20);
  }
}
