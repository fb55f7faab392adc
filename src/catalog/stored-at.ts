import { isDumpId } from '#model/dump-id';
import { backupsFolder, dumpsFolder } from '#store/bucket-layout';

/** Where a backup or dump lies, as a person looks for it: the bucket's URL or path, and the folder in it. */
export const storedAt = (bucket: string, source: string, id: string): string =>
  `${bucket}/${isDumpId(id) ? dumpsFolder(source) : backupsFolder(source)}${id}/`;
