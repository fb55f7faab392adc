import { InputInvalid } from '#model/failure';

/** A symbolic link pg_tblspc/<oid> that PostgreSQL makes before it recovers a backup. */
export interface MappedTablespace {
  oid: number;
  /** where the tablespace lies, absolute */
  path: string;
}

/**
 * tablespace_map: lines `oid path`; in the path a backslash stands before each newline, carriage return and backslash.
 * Read as PostgreSQL 15 to 18 do.
 * @throws InputInvalid for lines that PostgreSQL refuses, and for what it accepts but never writes: paths that are not
 *   absolute or not UTF-8, an oid given twice
 * Source: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/access/transam/xlogrecovery.c
 */
export function parseTablespaceMap(bytes: Buffer): MappedTablespace[] {
  const map = unescapedLines(decoded(bytes)).map(parseLine);
  const oids = new Set<number>();
  for (const { oid } of map) {
    if (oids.has(oid)) throw invalid(String(oid), 'each tablespace once');
    oids.add(oid);
  }
  return map;
}

export function printTablespaceMap(map: readonly MappedTablespace[]): string {
  return map.map(({ oid, path }) => `${oid} ${path.replace(/[\n\r\\]/g, '\\$&')}\n`).join('');
}

function decoded(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) throw invalid(text, 'UTF-8');
  return text;
}

/** A newline or carriage return without a backslash ends a line; empty lines are skipped. */
function unescapedLines(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  let escaped = false;
  for (const character of text) {
    if (!escaped && (character === '\n' || character === '\r')) {
      if (line !== '') lines.push(line);
      line = '';
    } else if (!escaped && character === '\\') escaped = true;
    else {
      line += character;
      escaped = false;
    }
  }
  if (line !== '' || escaped) throw invalid(line, 'a newline at the end');
  return lines;
}

function parseLine(line: string): MappedTablespace {
  const space = line.indexOf(' ');
  const oid = Number(line.slice(0, Math.max(space, 0)));
  const path = line.slice(space + 1);
  const oidIsValid = /^[1-9]\d{0,9} /.test(line) && oid <= 0xffff_ffff;
  if (!oidIsValid || !path.startsWith('/') || path.includes('\0')) throw invalid(line, 'an oid and an absolute path');
  return { oid, path };
}

const invalid = (value: string, allowed: string) => new InputInvalid('tablespace_map', value, allowed);
