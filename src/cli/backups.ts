import { type FoundBackup, findBackups } from '#catalog/backups';
import { readHolds } from '#catalog/holds';
import { readStanding } from '#catalog/standing';
import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { listSnapshots } from '#cli/list-snapshots';
import { chooseAny } from '#model/choose-source';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import { startTime, stopTime } from '#model/manifest';
import type { Standing } from '#model/standing';
import { openBucket } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'backups',
  summary: 'list the backups in the bucket',
  help: `One line for each backup of a source, oldest first: when it began and how long it took, what it copied and what it
takes in the bucket, where its WAL begins and ends, and the backup that an incremental one builds on.

A backup is committed, then verified (read back as it was written), then proven (a drill restored it, and it answered) or
broken; \`lifeboat status\` says why. One that is held (\`lifeboat hold\`) is removed by no retention. A backup without a
manifest never happened: it is shown as uncommitted, and retention removes it.

Of a database that RDS runs: its snapshots, as RDS told them last.`,
  examples: ['lifeboat backups', 'lifeboat backups --source orders --json'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
  },

  async run({ source }, { plan, environment, output, now }) {
    const chosen = chooseAny(await plan(), source, '--source');
    const { store } = await openBucket(await plan(), environment);
    if (chosen.kind === 'rds') return listSnapshots(chosen, store, output);
    const { name } = chosen;
    const found = await findBackups(store, name);
    const committed = found.flatMap((one) => (one.state === 'committed' ? [one.summary] : []));
    const [{ backups }, holds] = await Promise.all([
      readStanding(store, name, committed),
      readHolds(store, name, now()),
    ]);
    const standings = new Map(backups.map((standing) => [standing.backup, standing]));
    const held = new Map<string, string>(holds.map(({ id, reason }) => [id, reason]));
    const rows = found.map((one) => row(one, standings.get(one.id), held.has(one.id)));
    const head = ['BACKUP', 'STATE', 'TOOK', 'COPIED', 'STORED', 'CONSISTENT AT', 'WAL', 'PARENT'];
    const text =
      rows.length === 0 ? `no backups of ${name}: \`lifeboat backup\` takes one` : formatTable([head, ...rows]);
    output.print(text, {
      source: name,
      backups: found.map((one) => toJson(one, standings.get(one.id), held.get(one.id))),
    });
  },
});

function row(found: FoundBackup, standing: Standing | undefined, isHeld: boolean): string[] {
  if (found.state === 'uncommitted') return [found.id, 'uncommitted'];
  if (found.state === 'unreadable') return [found.id, 'unreadable', '', '', '', '', found.failure.message];
  const { summary } = found;
  const took = formatDuration(stopTime(summary).getTime() - startTime(summary).getTime());
  return [
    found.id,
    `${standing?.state ?? 'committed'}${isHeld ? ', held' : ''}`,
    took,
    formatBytes(summary.rawBytes),
    formatBytes(summary.storedBytes),
    summary.stop.time,
    `${summary.start.lsn}..${summary.stop.lsn}`,
    summary.parent ?? '',
  ];
}

function toJson(found: FoundBackup, standing: Standing | undefined, held: string | undefined): object {
  if (found.state === 'committed')
    return { ...found.summary, state: found.state, standing: standing ?? null, held: held ?? null };
  const { id, state } = found;
  return { backup: id, state, ...(state === 'unreadable' ? { problem: found.failure.message } : {}) };
}
