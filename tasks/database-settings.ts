import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RestoreFailed } from '#model/failure';
import type { ArchiveEntry } from '#postgres/archive-list';
import { quoteName } from '#postgres/create-database';
import { feedProgram } from '#postgres/feed-program';
import { splitStatements } from '#postgres/split-statements';
import { decodeScript } from '#postgres/text-encoding';

export interface SettingsQuestion {
  /** pg_restore */
  program: string;
  entries: readonly ArchiveEntry[];
  /** the archive; only its beginning is read */
  content: AsyncIterable<Buffer>;
  /** a private folder */
  folder: string;
  /** what the database is called now */
  as: string;
  /** what is for one role, or gives and takes rights, is left out */
  noOwner: boolean;
  signal: AbortSignal;
}

/**
 * The statements that set what belongs to a database itself: its settings, those of roles in it, rights on it, its
 * comment. pg_restore leaves them out unless it makes the database, which it would do under the name in the archive.
 */
export async function databaseSettings(question: SettingsQuestion): Promise<string[]> {
  const { program, entries, content, folder, as, noOwner, signal } = question;
  const own = entries.filter(({ kind, text }) => kind.startsWith('DATABASE') || /^- DATABASE /.test(text));
  const list = join(folder, 'settings');
  writeFileSync(list, `${own.map(({ id }) => `${id};`).join('\n')}\n`, { mode: 0o600 });
  const args = ['--create', '--use-list', list, '--file', '-'];
  const { exitCode, stdout, stderr } = await feedProgram({
    ...{ program, args, environment: { LC_ALL: 'C' }, content, toEnd: false, signal },
  });
  if (exitCode !== 0) {
    throw new RestoreFailed(
      `the settings of the database cannot be read: ${stderr.at(-1) ?? 'pg_restore was killed'}`,
      {
        operation: 'restore dump',
        subject: program,
      },
    );
  }
  return splitStatements(decodeScript(stdout)).flatMap((statement) => {
    const found = forms.find(({ pattern }) => pattern.test(statement));
    if (!found || (noOwner && found.ofRoles)) return [];
    return [statement.replace(found.pattern, (_, before: string) => before + quoteName(as))];
  });
}

const identifier = String.raw`(?:"(?:[^"]|"")+"|[\w$]+)`;

/** As pg_dump writes them; the database's name is the last of what is matched. */
const forms = [
  { pattern: new RegExp(`^(ALTER DATABASE )${identifier}(?= (?:SET|CONNECTION LIMIT) )`), ofRoles: false },
  { pattern: new RegExp(`^(SECURITY LABEL FOR ${identifier} ON DATABASE )${identifier}(?= IS )`), ofRoles: false },
  { pattern: new RegExp(`^(COMMENT ON DATABASE )${identifier}(?= IS )`), ofRoles: false },
  { pattern: new RegExp(`^(ALTER ROLE ${identifier} IN DATABASE )${identifier}(?= SET )`), ofRoles: true },
  { pattern: new RegExp(`^((?:GRANT|REVOKE) [A-Z, ]+ ON DATABASE )${identifier}(?= (?:TO|FROM) )`), ofRoles: true },
];
