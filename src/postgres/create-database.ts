import type { DumpedDatabase } from '#model/dump-manifest';

/** What of a dumped database is said when it is made anew. */
export type DatabaseShape = Pick<DumpedDatabase, 'encoding' | 'collate' | 'ctype' | 'locale'> & { owner?: string };

/**
 * The statement that makes a database like the one that was dumped: empty, from template0, which alone takes another
 * encoding and locale than its own.
 * Source: https://www.postgresql.org/docs/current/sql-createdatabase.html
 */
export function createDatabase(name: string, { owner, encoding, collate, ctype, locale }: DatabaseShape): string {
  return [
    `CREATE DATABASE ${quoteName(name)} TEMPLATE template0`,
    ...(owner === undefined ? [] : [`OWNER ${quoteName(owner)}`]),
    `ENCODING ${quoteText(encoding)} LC_COLLATE ${quoteText(collate)} LC_CTYPE ${quoteText(ctype)}`,
    ...(locale === undefined
      ? []
      : [`LOCALE_PROVIDER ${locale.provider} ${optionOf[locale.provider]} ${quoteText(locale.name)}`]),
  ].join(' ');
}

const optionOf = { icu: 'ICU_LOCALE', builtin: 'BUILTIN_LOCALE' };

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** With standard_conforming_strings on, which is the default. */
const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A name as an argument of PostgreSQL's programs: with `=` or `://` in it, it would be taken for a connection string. */
export const asConnectionString = (database: string): string => `dbname='${database.replace(/[\\']/g, '\\$&')}'`;
