import { readEvidence } from '#catalog/evidence';
import { checkEvidence } from '#cli/check-evidence';
import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import type { Evidence } from '#model/evidence';
import { InputInvalid } from '#model/failure';

export const command = defineCommand({
  name: 'evidence',
  summary: 'tell who did what, and check that nothing of it was changed',
  help: `Each backup, dump, verification, drill, approval, restore, hold, run of retention and incident leaves a record that holds
the digest of the one before. All of them are read and compared, with what was signed: what was changed or taken out is
named, and the exit code is 6. The newest records are listed.`,
  examples: ['lifeboat evidence', 'lifeboat evidence --limit 100 --json'],
  options: { limit: { flags: '--limit <number>', summary: 'how many are listed (default: 20)', parse: parseLimit } },

  async run({ limit = 20 }, context) {
    const { store, check, told } = await checkEvidence([], context);
    const newest: Evidence[] = [];
    if (check.ok) {
      for await (const record of readEvidence(store, Math.max(0, check.records - limit))) newest.push(record);
    }
    const rows = newest.map(({ sequence, when, who, what, outcome }) => [String(sequence), when, who, outcome, what]);
    const text = told.join('\n');
    context.output.print(rows.length === 0 ? text : `${formatTable(rows)}\n${text}`, { ...check, newest });
    return check.ok ? 0 : 6;
  },
});

function parseLimit(text: string, field: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InputInvalid(field, text, 'a whole number from 1');
}
