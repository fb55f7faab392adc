import { splitStatements } from '#postgres/split-statements';

export interface ThrowAwayGlobals {
  /** the role that initdb has to make: the one that grants stand in the name of */
  superuser: string;
  /** what then makes the rest, in order */
  statements: string[];
  /** folders that have to be there before, below the one that was given */
  tablespaces: string[];
}

/**
 * The globals of a dump for a cluster that is thrown away:
 *
 * - the role that initdb makes is called as the source's, since grants that it gave (`GRANTED BY`) can be given by nobody
 *   else from version 16 on; so the one statement that would make it once more is left out, and no other
 * - tablespaces are made, since tables ask for them, but each in a folder of its own below `folder`: where they lie in
 *   the source may be the source itself
 */
export function throwAwayGlobals(script: string, folder: string): ThrowAwayGlobals {
  const statements = splitStatements(script);
  const superuser = bootstrapSuperuser(statements);
  const tablespaces: string[] = [];
  const kept = statements.flatMap((statement) => {
    if (statement === `CREATE ROLE ${superuser}`) return [];
    const [, before] = createTablespace.exec(statement) ?? [];
    if (before === undefined) return [statement];
    const place = `${folder}/${tablespaces.length + 1}`;
    tablespaces.push(place);
    return [`${before} LOCATION '${place.replaceAll("'", "''")}'`];
  });
  return { superuser: unquoted(superuser), statements: kept, tablespaces };
}

const identifier = String.raw`(?:"(?:[^"]|"")+"|[^\s"';]+)`;
const createTablespace = new RegExp(
  `^(CREATE TABLESPACE ${identifier}(?: OWNER ${identifier})?) LOCATION '(?:[^']|'')*'$`,
);
const grantedBy = new RegExp(` GRANTED BY (${identifier})$`);
const alteredRole = new RegExp(`^ALTER ROLE (${identifier}) WITH SUPERUSER `);

/** As it is written in the script. A script does not say it: the superuser in whose name most was granted, else `postgres`. */
function bootstrapSuperuser(statements: readonly string[]): string {
  const superusers = statements.flatMap((statement) => alteredRole.exec(statement)?.[1] ?? []);
  const granted = (role: string) => statements.filter((statement) => grantedBy.exec(statement)?.[1] === role).length;
  const [most] = superusers
    .map((role) => ({ role, count: granted(role) }))
    .sort((a, b) => b.count - a.count || Number(b.role === usual) - Number(a.role === usual));
  return most?.role ?? usual;
}

const usual = 'postgres';

const unquoted = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);
