/**
 * Comma-separated values as RFC 4180 has them: every field in quotes, lines ended by CR LF, the first one of names.
 *
 * What somebody typed may be a formula, which a spreadsheet would carry out: a field that begins like one gets an apostrophe in
 * front, as spreadsheets write text themselves. https://owasp.org/www-community/attacks/CSV_Injection
 */
export const printCsv = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [columns, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('');

const field = (value: string): string => `"${harmless(value).replaceAll('"', '""')}"`;

/** Spaces, and other characters that are not seen, in front of it help nothing; full-width signs count, too. */
const beginsFormula = /^[\p{White_Space}\p{C}]*[=+\-@＝＋－＠|%]|^[\t\r\n]/u;

const harmless = (value: string): string => (beginsFormula.test(value) ? `'${value}` : value);
