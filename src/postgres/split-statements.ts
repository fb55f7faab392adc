/**
 * The statements of a script that pg_dumpall wrote, without semicolons, comments before them, and what only psql
 * understands: lines that begin with a backslash between statements (`\restrict`). Quotes are read as with
 * standard_conforming_strings on, which the script sets.
 * Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
 */
export function splitStatements(script: string): string[] {
  const statements: string[] = [];
  let begin = 0;
  let isBetween = true;
  token.lastIndex = 0;
  for (let match = token.exec(script); match; match = token.exec(script)) {
    const [text] = match;
    if (isBetween) {
      begin = match.index;
      if (/^(?:\s|--|\/\*)/.test(text)) continue;
      if (text === '\\') {
        token.lastIndex = lineEnd(script, match.index);
        continue;
      }
      isBetween = false;
    }
    if (text !== ';') continue;
    if (match.index > begin) statements.push(script.slice(begin, match.index).trimEnd());
    isBetween = true;
  }
  if (!isBetween) statements.push(script.slice(begin).trimEnd());
  return statements;
}

/** Whatever a semicolon could stand in, whole; else one character, or a run of those that mean nothing. */
const token =
  /\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|[A-Za-z_0-9]+|[\s\S]/g;

function lineEnd(script: string, at: number): number {
  const end = script.indexOf('\n', at);
  return end < 0 ? script.length : end;
}
