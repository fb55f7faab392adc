import type { Evidence, EvidenceDetails } from '#model/evidence';

/*
 * The evidence as auditors ask for it: one row for each deed, the same columns for all of a kind.
 */
export const evidenceLists = ['all', 'backups', 'restores', 'approvals'] as const;
/** backups: of anything, and what was removed; restores: drills, too; approvals: each answer of each person */
export type EvidenceList = (typeof evidenceLists)[number];

export interface EvidenceTable {
  columns: readonly string[];
  rows: readonly string[][];
}

export function evidenceTable(records: readonly Evidence[], list: EvidenceList): EvidenceTable {
  const { columns, rowsOf } = tables[list];
  return { columns, rows: records.flatMap(rowsOf) };
}

/** What a deed was about; those from before there were details are told by the names that the machines gave them. */
export function kindOf({ details, id }: Evidence): EvidenceDetails['kind'] | 'other' {
  if (details) return details.kind;
  return olderKinds.find(([pattern]) => pattern.test(id))?.[1] ?? 'other';
}

const olderKinds: readonly [RegExp, EvidenceDetails['kind']][] = [
  [/ (?:not )?backed up \S+$| lost backups$| did not begin$| (?:not )?dumped$| (?:no )?snapshot$/, 'backup'],
  [/ (?:not )?restored$/, 'restore'],
  [/ (?:not )?proven$/, 'drill'],
  [/ (?:not )?(?:verified|scrubbed)$/, 'verification'],
  [/ (?:not |snapshots )?expired$/, 'expiry'],
];

const common = ['sequence', 'when', 'who', 'from', 'source', 'what', 'outcome'];
const commonOf = ({ sequence, when, who, from, source, what, outcome }: Evidence): string[] =>
  [sequence, when, who, from, source, what, outcome].map(text);

const timing = ['started at', 'duration (s)'];
const timingOf = ({ startedAt, durationMs }: Evidence): string[] => [
  text(startedAt),
  durationMs === undefined ? '' : (durationMs / 1_000).toFixed(3),
];

const chain = ['plan hash', 'approval chain', 'execution'];
const chainOf = (record: Evidence): string[] => [
  text(record.planHash),
  answersOf(record)
    .map(
      // in quotes: what one person writes cannot look like another one's yes
      ({ decision, by, at, reason, ...who }) =>
        `${decision} by ${by}${confirmed(who) && ` (${confirmed(who)})`} at ${at}: ${reason === null ? 'no reason given' : JSON.stringify(reason)}`,
    )
    .join('; '),
  text(record.execution),
];

/** As whom AWS or Slack knows who answered; empty: it is what somebody said. */
const confirmed = ({ iam, slack }: { iam?: string; slack?: string }): string => iam ?? (slack ? `Slack ${slack}` : '');

const answersOf = ({ approval, approvals }: Evidence) => approvals ?? (approval ? [approval] : []);

const tables: Record<EvidenceList, { columns: readonly string[]; rowsOf: (record: Evidence) => string[][] }> = {
  backups: {
    columns: [...common, 'object', 'stored at', 'bytes', 'verification', ...timing, 'execution'],
    rowsOf: (record) => {
      const { details } = record;
      if (kindOf(record) !== 'backup') return [];
      const own = details?.kind === 'backup' ? details : undefined;
      const { object, storedAt, bytes, verification } = own ?? {};
      const row = [object, storedAt, bytes, verification].map(text);
      return [[...commonOf(record), ...row, ...timingOf(record), text(record.execution)]];
    },
  },
  restores: {
    columns: [...common, 'kind', 'from backup', 'to', 'target', 'reached', 'verification', ...timing, ...chain],
    rowsOf: (record) => {
      const { details } = record;
      const kind = kindOf(record);
      if (kind !== 'restore' && kind !== 'drill') return [];
      const own = details?.kind === 'restore' || details?.kind === 'drill' ? details : undefined;
      const { from, target, reached, verification } = own ?? {};
      const to = own?.kind === 'restore' ? own.to : undefined;
      const row = [kind, from, to, target, reached, verification].map(text);
      return [[...commonOf(record), ...row, ...timingOf(record), ...chainOf(record)]];
    },
  },
  approvals: {
    columns: [
      'sequence',
      'source',
      'what',
      'asked by',
      'plan hash',
      'decision',
      'answered by',
      'identity',
      'answered at',
      'reason',
      'outcome',
      'execution',
    ],
    rowsOf: (record) =>
      answersOf(record).map(({ decision, by, at, reason, ...answerer }) => {
        const { sequence, source, what, who, planHash, outcome, execution } = record;
        return [
          sequence,
          source,
          what,
          who,
          planHash,
          decision,
          by,
          confirmed(answerer),
          at,
          reason,
          outcome,
          execution,
        ].map(text);
      }),
  },
  all: {
    columns: [...common, 'kind', 'details', ...timing, ...chain],
    rowsOf: (record) => [
      [...commonOf(record), kindOf(record), detailsText(record.details), ...timingOf(record), ...chainOf(record)],
    ],
  },
};

function detailsText(details: EvidenceDetails | undefined): string {
  const told = Object.entries(details ?? {}).filter(([name, value]) => name !== 'kind' && value !== null);
  return told.map(([name, value]) => `${name}: ${value}`).join('; ');
}

const text = (value: string | number | null | undefined): string =>
  value === null || value === undefined ? '' : String(value);
