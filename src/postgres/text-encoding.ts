/**
 * What PostgreSQL's programs write is in the encoding of the database that they wrote it of, names and all. Text in one that
 * is not known here is read as UTF-8.
 * Source: https://www.postgresql.org/docs/current/multibyte.html and https://encoding.spec.whatwg.org/#names-and-labels
 */
export function decodeText(bytes: Uint8Array, encoding: string): string {
  return new TextDecoder(labels[encoding] ?? 'utf-8').decode(bytes);
}

/** The same for a script that pg_dumpall or pg_restore wrote: it says itself what it is in. */
export function decodeScript(bytes: Buffer): string {
  const [, encoding] = /^SET client_encoding = '(\w+)';$/m.exec(bytes.toString('latin1')) ?? [];
  return decodeText(bytes, encoding ?? 'UTF8');
}

const labels: Partial<Record<string, string>> = {
  ...numbered('LATIN', { 1: 1, 2: 2, 3: 3, 4: 4, 5: 9, 6: 10, 7: 13, 8: 14, 9: 15, 10: 16 }, 'iso-8859-'),
  ...numbered('ISO_8859_', { 5: 5, 6: 6, 7: 7, 8: 8 }, 'iso-8859-'),
  ...numbered('WIN', byItself([874, 1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258]), 'windows-'),
  WIN866: 'ibm866',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  EUC_JP: 'euc-jp',
  EUC_JIS_2004: 'euc-jp',
  EUC_KR: 'euc-kr',
  EUC_CN: 'gbk',
};

function numbered(prefix: string, numbers: Record<number, number>, label: string): Record<string, string> {
  return Object.fromEntries(Object.entries(numbers).map(([from, to]) => [`${prefix}${from}`, `${label}${to}`]));
}

function byItself(numbers: readonly number[]): Record<number, number> {
  return Object.fromEntries(numbers.map((number) => [number, number]));
}
