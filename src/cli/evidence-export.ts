import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readEvidence } from '#catalog/evidence';
import { type CheckedEvidence, checkEvidence } from '#cli/check-evidence';
import { defineCommand } from '#cli/command';
import { printCsv } from '#model/csv';
import type { Evidence } from '#model/evidence';
import { printEvidencePage } from '#model/evidence-page';
import { type EvidenceList, evidenceLists, evidenceTable } from '#model/evidence-table';
import { InputInvalid } from '#model/failure';
import { standardOutput } from '#runtime/this-process';

const formats = ['csv', 'json', 'html'] as const;
type Format = (typeof formats)[number];

export const command = defineCommand({
  name: 'evidence export',
  summary: 'write the evidence of a time as CSV, JSON or one HTML file, for auditors',
  help: `Writes what was recorded from --from to --to: with --what backups who had what backed up or dumped, when, where it is stored
and how it was verified; with --what restores who had what restored or drilled, when, to where, who said yes and why, and how it
ended; with --what approvals each answer of each person. All of the evidence is checked first, as by \`lifeboat evidence verify\`:
what that finds stands in JSON and HTML, and is told; the exit code is 6 then, and the file is written all the same.`,
  examples: [
    'lifeboat evidence export --from 2026-01-01 --to 2026-12-31 --format csv --what backups --file backups-2026.csv',
    'lifeboat evidence export --from 2026-11-01 --format html --what restores --file restores.html',
  ],
  options: {
    from: { flags: '--from <date>', summary: 'first day, UTC, or instant (default: all)', parse: parseFrom },
    to: { flags: '--to <date>', summary: 'last day, UTC, or instant (default: all)', parse: parseTo },
    format: { flags: '--format <format>', summary: `${formats.join(', ')} (default: csv)`, parse: parseFormat },
    what: { flags: '--what <list>', summary: `${evidenceLists.join(', ')} (default: all)`, parse: parseList },
    file: { flags: '--file <path>', summary: 'where to; it must not exist (default: standard output)' },
    publicKey: {
      flags: '--public-key <file>',
      summary: 'public keys in PEM that count, in place of those of the plan',
      repeatable: true,
    },
  },

  async run({ from, to, format = 'csv', what = 'all', file, publicKey }, context) {
    const { output, cwd, now } = context;
    if (from !== undefined && to !== undefined && from > to)
      throw new InputInvalid('--from', from.toISOString(), `an instant before ${to.toISOString()}`);
    const checked = await checkEvidence(publicKey, context);
    const records = await recordsOf(checked, from, to);
    const text = print(records, { format, what, from, to, now: now(), checked });
    if (file === undefined) standardOutput().write(text);
    else {
      await writeOnce(resolve(cwd, file), file, text);
      output.print(`${file}: ${evidenceTable(records, what).rows.length} rows`, { file, format, what });
    }
    for (const line of checked.told) checked.check.ok ? output.note(line) : output.warn(line);
    return checked.check.ok ? 0 : 6;
  },
});

/** By when it was done. What stands behind a break is no record of anything. */
async function recordsOf(
  { store, check }: CheckedEvidence,
  from: Date | undefined,
  to: Date | undefined,
): Promise<Evidence[]> {
  const records: Evidence[] = [];
  if (check.records === 0) return records;
  for await (const record of readEvidence(store)) {
    const at = new Date(record.when);
    if ((from === undefined || at >= from) && (to === undefined || at <= to)) records.push(record);
    if (record.sequence === check.records) break;
  }
  return records;
}

interface Printing {
  format: Format;
  what: EvidenceList;
  from: Date | undefined;
  to: Date | undefined;
  now: Date;
  checked: CheckedEvidence;
}

function print(records: readonly Evidence[], { format, what, from, to, now, checked }: Printing): string {
  const table = evidenceTable(records, what);
  if (format === 'csv') return printCsv(table.columns, table.rows);
  const span = `From ${from?.toISOString() ?? 'the first record'} to ${to?.toISOString() ?? 'the last'}`;
  if (format === 'html') {
    const remarks = [`${span}; made at ${now.toISOString()}.`, ...checked.told];
    return printEvidencePage({ title: `Lifeboat evidence: ${what}`, remarks, table });
  }
  const shown = table.rows.map((row) => Object.fromEntries(row.map((value, index) => [table.columns[index]!, value])));
  const head = {
    format: 'lifeboat-evidence-export/1',
    what,
    from: from?.toISOString() ?? null,
    to: to?.toISOString() ?? null,
  };
  return `${JSON.stringify({ ...head, madeAt: now.toISOString(), check: checked.check, rows: shown, records: what === 'all' ? records : undefined }, null, 2)}\n`;
}

async function writeOnce(path: string, given: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const allowed = code === 'EEXIST' ? 'a file that is not there yet' : `a file that can be written, got ${code}`;
    throw new InputInvalid('--file', given, allowed);
  }
}

const day = /^\d{4}-\d\d-\d\d$/;

function parseFrom(text: string, field: string): Date {
  return parseInstant(day.test(text) ? `${text}T00:00:00Z` : text, text, field);
}

/** A day counts to its end. */
function parseTo(text: string, field: string): Date {
  return parseInstant(day.test(text) ? `${text}T23:59:59.999Z` : text, text, field);
}

function parseInstant(text: string, given: string, field: string): Date {
  const at = new Date(text);
  const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  // 31 February would be one in March
  const isDay = isInstant && new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10));
  if (isInstant && isDay && !Number.isNaN(at.getTime())) return at;
  throw new InputInvalid(field, given, 'a day like 2026-11-20, or an instant like 2026-11-20T05:13:45Z');
}

function parseFormat(text: string, field: string): Format {
  return choose(formats, text, field);
}

function parseList(text: string, field: string): EvidenceList {
  return choose(evidenceLists, text, field);
}

function choose<Value extends string>(values: readonly Value[], text: string, field: string): Value {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new InputInvalid(field, text, `one of ${values.join(', ')}`);
}
