/** One entry of an archive's table of contents, as `pg_restore --list --verbose` prints it. */
export interface ArchiveEntry {
  /** names it within the archive: what a list for `--use-list` is made of */
  id: number;
  /** TABLE, TABLE DATA, INDEX, FK CONSTRAINT, … */
  kind: string;
  /**
   * schema (or -), name and owner with blanks between. Any of them may hold blanks, too, which pg_restore does not quote:
   * see namesIn
   */
  text: string;
  /** ids of what has to be there before it */
  dependsOn: number[];
}

/**
 *     218; 1259 16402 TABLE s my table postgres
 *     ;	depends on: 6
 *
 * In the archive's order, in which alone it can be restored from a stream.
 * Source: PrintTOCSummary in https://github.com/postgres/postgres/blob/master/src/bin/pg_dump/pg_backup_archiver.c
 */
export function parseArchiveList(list: string): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  for (const line of list.split('\n')) {
    const [, id, rest] = /^(\d+); \d+ \d+ (.*)$/.exec(line) ?? [];
    if (id !== undefined) {
      const kind = kindOf(rest!);
      entries.push({ id: Number(id), kind, text: rest!.slice(kind.length + 1), dependsOn: [] });
    }
    const [, needed] = /^;\s+depends on:((?: \d+)+)\s*$/.exec(line) ?? [];
    if (needed !== undefined) entries.at(-1)!.dependsOn = needed.trim().split(' ').map(Number);
  }
  return entries;
}

/** Those of several words; others are one. The first that fits counts, so longer ones come first. */
const longKinds = [
  'MATERIALIZED VIEW DATA',
  'MATERIALIZED VIEW',
  'PUBLICATION TABLES IN SCHEMA',
  'PUBLICATION TABLE',
  'SEQUENCE OWNED BY',
  'SEQUENCE SET',
  'CHECK CONSTRAINT',
  'FK CONSTRAINT',
  'STATISTICS DATA',
  'SECURITY LABEL',
  'DATABASE PROPERTIES',
  'FOREIGN TABLE',
  'ROW SECURITY',
  'INDEX ATTACH',
  'TABLE ATTACH',
  'TABLE DATA',
  'DEFAULT ACL',
];

const kindOf = (rest: string): string =>
  longKinds.find((kind) => rest.startsWith(`${kind} `)) ?? rest.split(' ', 1)[0]!;

/**
 * All ways in which a text can be read as `schema.name` before an owner. More than one only where a name has a blank in
 * it; then only those count whose owner is the owner of something that can be read in one way.
 */
export function namesIn(text: string, owners: ReadonlySet<string>): string[] {
  const words = text.split(' ');
  if (words.length <= 3) return words.length === 3 ? [`${words[0]}.${words[1]}`] : [];
  const names: string[] = [];
  for (let end = 2; end < words.length; end++) {
    if (!owners.has(words.slice(end).join(' '))) continue;
    for (let dot = 1; dot < end; dot++)
      names.push(`${words.slice(0, dot).join(' ')}.${words.slice(dot, end).join(' ')}`);
  }
  return names;
}

/** The owners that are told beyond doubt. */
export const ownersIn = (entries: readonly ArchiveEntry[]): Set<string> =>
  new Set(entries.map(({ text }) => text.split(' ')).flatMap((words) => (words.length === 3 ? [words[2]!] : [])));
