import { InputInvalid } from '#model/failure';
import { nearest } from '#model/nearest';
import { type ArchiveEntry, namesIn, ownersIn } from '#postgres/archive-list';

export interface ChosenTables {
  /** `schema.table` of those that come with their rows: what was asked for, and the partitions below it */
  tables: string[];
  /** of all entries that are restored, in the archive's order */
  ids: number[];
  /** what belongs to the tables and cannot come, since it leads to a table that does not: `FK CONSTRAINT s a a_b_fkey` */
  leftOut: string[];
}

/**
 * What of an archive restores some tables as they were, in a database that has nothing yet:
 *
 *     the tables, and the partitions of those that are partitioned
 *       + what belongs to them: rows, indexes, constraints, defaults, sequences, triggers, policies, statistics, rights
 *       + what all of that needs: schemas, types, functions, extensions; other tables (a parent) without rows
 *
 * `pg_restore --table` leaves all but the table and its rows out.
 * @throws InputInvalid that names the nearest table
 */
export function chooseTables(entries: readonly ArchiveEntry[], wanted: readonly string[], owner: string): ChosenTables {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const owners = ownersIn(entries).add(owner);
  const tables = entries.filter(({ kind }) => kind === 'TABLE');
  const chosen = new Set(wanted.map((name) => findTable(tables, name, owners).id));
  addPartitions(entries, chosen, byId);

  const included = new Set(chosen);
  /** with everything that belongs to it */
  const whole = new Set(chosen);
  const left = new Set<ArchiveEntry>();
  const ofTables = [...chosen].flatMap((id) => beginnings(byId.get(id)!.text, owners));
  const belongs = ({ kind, text }: ArchiveEntry) =>
    belonging.has(kind) || (belongingByName.has(kind) && ofTables.some((beginning) => text.startsWith(beginning)));
  const isTable = (id: number) => byId.get(id)?.kind === 'TABLE';
  const include = (id: number) => {
    const entry = byId.get(id);
    if (!entry || included.has(id)) return;
    included.add(id);
    for (const needed of entry.dependsOn) include(needed);
  };
  for (const id of chosen) for (const needed of byId.get(id)!.dependsOn) include(needed);
  for (let size = -1; size !== included.size; ) {
    size = included.size;
    for (const entry of entries) {
      const { id, kind, dependsOn } = entry;
      if (included.has(id) || !dependsOn.some((needed) => included.has(needed))) continue;
      if (attached.has(kind)) {
        if (dependsOn.every((needed) => included.has(needed))) include(id);
      } else if (kind.startsWith('SEQUENCE') && dependsOn.some((needed) => byId.get(needed)?.kind === 'SEQUENCE')) {
        include(id);
      } else if (belongs(entry) && dependsOn.some((needed) => whole.has(needed))) {
        if (kind === 'FK CONSTRAINT' && dependsOn.some((needed) => isTable(needed) && !chosen.has(needed))) {
          left.add(entry); // its rows would lead nowhere
        } else {
          include(id);
          whole.add(id);
        }
      }
    }
  }
  const names = entries.filter(({ id }) => chosen.has(id)).map(({ text }) => namesIn(text, owners)[0]!);
  return {
    tables: names,
    ids: entries.flatMap(({ id }) => (included.has(id) ? [id] : [])),
    leftOut: [...left].filter(({ id }) => !included.has(id)).map(({ kind, text }) => `${kind} ${text}`),
  };
}

/** Comes when all comes that it is about. */
const attached = new Set(['ACL', 'COMMENT', 'SECURITY LABEL', 'TABLE ATTACH', 'INDEX ATTACH']);

/** Comes with its table. */
const belonging = new Set(['INDEX', 'ROW SECURITY', 'SEQUENCE', 'STATISTICS', 'STATISTICS DATA', 'TABLE DATA']);

/** Likewise; but those of another table may depend on this one, too. Each is called `schema table name`. */
const belongingByName = new Set([
  'CHECK CONSTRAINT',
  'CONSTRAINT',
  'DEFAULT',
  'FK CONSTRAINT',
  'POLICY',
  'RULE',
  'TRIGGER',
]);

/** `schema table ` of a text `schema table owner` */
const beginnings = (text: string, owners: ReadonlySet<string>): string[] =>
  [...owners].filter((owner) => text.endsWith(` ${owner}`)).map((owner) => text.slice(0, -owner.length));

function findTable(tables: readonly ArchiveEntry[], wanted: string, owners: ReadonlySet<string>): ArchiveEntry {
  const named = tables.flatMap((entry) => namesIn(entry.text, owners).map((name) => ({ name, entry })));
  const found = named.find(({ name }) => name === wanted);
  if (found) return found.entry;
  const meant = nearest(wanted, [...new Set(named.map(({ name }) => name))]);
  const others = named.filter(({ name }) => name.endsWith(`.${wanted}`)).map(({ name }) => name);
  const hint = meant ?? others[0];
  throw new InputInvalid(
    '--table',
    wanted,
    'schema.table, as it is in the dump',
    hint === undefined ? tablesOf(named) : `did you mean "${hint}"?`,
  );
}

function tablesOf(named: readonly { name: string }[]): string {
  const names = [...new Set(named.map(({ name }) => name))];
  const more =
    names.length > 12 ? `, … of ${names.length}: \`lifeboat dump-export\` and \`pg_restore --list\` list them` : '';
  return names.length === 0 ? 'the dump has no tables' : `the dump has ${names.slice(0, 12).join(', ')}${more}`;
}

/** An entry TABLE ATTACH has the words of its partition, and depends on both. */
function addPartitions(
  entries: readonly ArchiveEntry[],
  chosen: Set<number>,
  byId: ReadonlyMap<number, ArchiveEntry>,
): void {
  const attaching = entries.filter(({ kind }) => kind === 'TABLE ATTACH');
  for (let size = -1; size !== chosen.size; ) {
    size = chosen.size;
    for (const { text, dependsOn } of attaching) {
      const partition = dependsOn.find((id) => byId.get(id)?.text === text);
      const isBelow = dependsOn.some((id) => id !== partition && chosen.has(id));
      if (partition !== undefined && isBelow) chosen.add(partition);
    }
  }
}
