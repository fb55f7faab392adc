import { formatTable } from '#cli/format-table';
import type { KeysListed, KeyUsers } from '#tasks/list-keys';
import type { RekeyOutcome } from '#tasks/rekey';

/** Which keys open what, and what is lost with each. */
export function describeKeys(sources: readonly KeysListed[]): string {
  const rows = sources.flatMap(({ source, keys }) => keys.map((users) => rowOf(source, users)));
  const head = ['SOURCE', 'KEY', 'OPENS', 'NOTHING ELSE OPENS'];
  const table = rows.length === 0 ? 'nothing is encrypted' : formatTable([head, ...rows]);
  const unread = sources
    .filter((one) => one.unread > 0)
    .map((one) => `${one.source}: ${one.unread} objects could not be read: nobody knows which key opens them`);
  return [table, ...unread].join('\n');
}

const rowOf = (source: string, { method, key, backups, onlyBackups, walKeys, onlyWalKeys }: KeyUsers): string[] => [
  source,
  method === 'file' ? `key file, ${key}` : `KMS, ${key}`,
  amount(backups, walKeys),
  amount(onlyBackups, onlyWalKeys),
];

function amount(backups: readonly string[], walKeys: number): string {
  const range = backups.length > 1 ? ` (${backups[0]} … ${backups.at(-1)})` : backups.map((id) => ` (${id})`).join('');
  return `${backups.length} backups${range}, ${walKeys} keys of WAL`;
}

/** What became of each source's data keys, and what is left to do. */
export function describeRekeyed(outcomes: readonly RekeyOutcome[], dryRun: boolean): string {
  return outcomes.flatMap((outcome) => describeSource(outcome, dryRun)).join('\n');
}

function describeSource(outcome: RekeyOutcome, dryRun: boolean): string[] {
  const { source, key, current, already, rewrapped, problems, problemCount } = outcome;
  const done = dryRun ? `${rewrapped} data keys would be re-wrapped` : `${rewrapped} data keys re-wrapped`;
  const summary = `${source}: ${done} by ${key}; ${already} were before, ${current} are its own`;
  if (problemCount === 0) return [summary];
  const told = problems.slice(0, mostShown);
  const more = problemCount - told.length;
  return [
    summary,
    `  ${problemCount} FAILED, AND NEED THE OLD KEY:`,
    ...told.flatMap(({ at, message, hint }, index) => [
      `  ${message.includes(at) ? message : `${at}: ${message}`}`,
      ...(hint === null || hint === told[index + 1]?.hint ? [] : [`  HINT: ${hint}`]),
    ]),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ];
}

/** The others mostly say the same; --json tells a hundred. */
const mostShown = 5;
