import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { tellManagedWindow } from '#cli/list-snapshots';
import { chooseAny } from '#model/choose-source';
import { formatDuration } from '#model/duration';
import { formatLsn, type Lsn } from '#model/lsn';
import { printInstant } from '#model/recovery-target';
import { gatherFacts } from '#recovery/gather-facts';
import { recoveryWindows, type Window } from '#recovery/windows';
import { openBucket } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'window',
  summary: 'tell which instants can be restored',
  help: `A recovery window goes from the instant a backup became consistent to the last WAL that follows it without a hole.
Every instant in it can be restored. Where WAL is missing one window ends and the next begins with the next backup; the
first missing segment is named. After a promotion each timeline has a window of its own.

Reads nothing but the bucket.`,
  examples: ['lifeboat window', 'lifeboat window --source orders --json'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
  },

  async run({ source }, { plan, environment, output, signal, now }) {
    const chosen = chooseAny(await plan(), source, '--source');
    const vault = await openBucket(await plan(), environment);
    if (chosen.kind === 'rds') return tellManagedWindow(chosen, vault.store, { output, now: now() });
    const { name } = chosen;
    const facts = await gatherFacts(vault, name, signal);
    const windows = recoveryWindows(facts);
    const json = windows.map((window) => ({
      ...window,
      to: printInstant(window.toMicros),
      untilLsn: formatLsn(window.untilLsn as Lsn),
      gap: window.gap ?? null,
      damage: window.damage ?? null,
    }));
    output.print(describe(name, windows, now()), { source: name, windows: json });
  },
});

function describe(source: string, windows: readonly Window[], now: Date): string {
  if (windows.length === 0) return `nothing of ${source} can be restored: \`lifeboat backup\` takes a backup`;
  const head = ['FROM', 'TO', 'TIMELINE', 'UNTIL', 'BACKUPS', 'ENDS BECAUSE'];
  const rows = windows.map((window) => [
    printInstant(BigInt(window.from.getTime()) * 1000n),
    printInstant(window.toMicros),
    String(window.timeline),
    formatLsn(window.untilLsn as Lsn),
    String(window.backups.length),
    window.gap === undefined
      ? 'no more WAL is stored'
      : `segment ${window.gap} is ${window.damage === undefined ? 'missing' : 'damaged'}`,
  ]);
  const newest = windows.reduce((a, b) => (b.toMicros > a.toMicros ? b : a));
  const age = formatDuration(Math.max(0, now.getTime() - Number(newest.toMicros / 1000n)));
  return `${formatTable([head, ...rows])}\nthe last stored WAL was written ${age} ago`;
}
