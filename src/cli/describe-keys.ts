import { describeWrappingKey } from '#model/wrapped-key';
import type { KeysListed, KeyUsers } from '#tasks/list-keys';
import type { RekeyOutcome } from '#tasks/rekey';

/** Which keys open what, and what would be lost with each. */
export function describeKeys(sources: readonly KeysListed[]): string {
  return sources
    .flatMap(({ source, keys, unread }) => [
      source,
      ...keys.flatMap(describeUsers),
      ...(keys.length === 0 ? ['  nothing is encrypted'] : []),
      ...(unread > 0 ? [`  ${counted(unread, 'object')} COULD NOT BE READ: nobody knows which keys open them`] : []),
    ])
    .join('\n');
}

function describeUsers(users: KeyUsers): string[] {
  const { method, key, backups, onlyBackups, dumps, onlyDumps, walKeys, onlyWalKeys } = users;
  const only = onlyBackups.length + onlyDumps.length + onlyWalKeys;
  return [
    `  ${describeWrappingKey({ method, keyId: key })}`,
    `    opens ${amount(backups, dumps, walKeys)}`,
    only === 0
      ? '    all of which other keys open, too'
      : `    NOTHING ELSE OPENS ${amount(onlyBackups, onlyDumps, onlyWalKeys)}`,
  ];
}

/** `2 backups (20261120T… to 20261121T…) and 3 data keys of WAL` */
function amount(backups: readonly string[], dumps: readonly string[], walKeys: number): string {
  const range = (ids: readonly string[]) => (ids.length === 1 ? ids[0] : `${ids[0]} to ${ids.at(-1)}`);
  const parts = [
    ...(backups.length > 0 ? [`${counted(backups.length, 'backup')} (${range(backups)})`] : []),
    ...(dumps.length > 0 ? [`${counted(dumps.length, 'dump')} (${range(dumps)})`] : []),
    ...(walKeys > 0 ? [`${counted(walKeys, 'data key')} of WAL`] : []),
  ];
  return parts.join(' and ');
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** What became of each source's data keys, and what is left to do. */
export function describeRekeyed(outcomes: readonly RekeyOutcome[], dryRun: boolean): string {
  return outcomes.flatMap((outcome) => describeSource(outcome, dryRun)).join('\n');
}

function describeSource(outcome: RekeyOutcome, dryRun: boolean): string[] {
  const { source, key, current, already, rewrapped, problems, problemCount } = outcome;
  const done = `${counted(rewrapped, 'data key')} ${dryRun ? 'would be ' : ''}re-wrapped`;
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
