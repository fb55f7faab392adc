import { type DumpEntry, readDumpCatalog } from '#catalog/dumps';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import type { ObjectStore } from '#store/object-store';

/** The newest dump of a source, as status tells it. */
export type DumpReport = Pick<DumpEntry, 'dump' | 'kind' | 'state' | 'finishedAt' | 'databases' | 'storedBytes'> & {
  /** of all that there are */
  count: number;
};

/** undefined: there is none, as far as the catalog knows */
export async function lastDump(store: ObjectStore, source: string): Promise<DumpReport | undefined> {
  const { dumps } = await readDumpCatalog(store, source);
  const newest = dumps.at(-1);
  if (!newest) return undefined;
  const { dump, kind, state, finishedAt, databases, storedBytes } = newest;
  return { dump, kind, state, finishedAt, databases, storedBytes, count: dumps.length };
}

export function describeLastDump(last: DumpReport | undefined, now: Date): string[] {
  if (!last) return [];
  const { dump, kind, state, finishedAt, databases, storedBytes, count } = last;
  const age = formatDuration(Math.max(0, now.getTime() - Date.parse(finishedAt)));
  const names = databases.length > 3 ? `${databases.length} databases` : databases.join(', ');
  const before = count > 1 ? `, and ${count - 1} earlier` : '';
  return [
    `  dump    ${dump} is ${state === 'broken' ? 'BROKEN' : state}, ${age} old: ${kind === 'schema' ? 'definitions of ' : ''}${names}, ${formatBytes(storedBytes)} stored${before}`,
  ];
}
