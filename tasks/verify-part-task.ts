import { readBackup } from '#catalog/backups';
import { parseBackupId } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import type { Manifest } from '#model/manifest';
import { text, wholeNumber, yesOrNo } from '#model/plan-field';
import { fields } from '#model/read-input';
import type { PartRange, VerifyPartResult } from '#model/task-result';
import { cores } from '#runtime/this-process';
import { PhaseLog } from './progress-log.ts';
import { defineJob } from './task.ts';
import { type Findings, noteDamage, verifyParts } from './verify-parts.ts';

const index = wholeNumber(0, 1_000_000);

const verifyPartInput = fields({
  source: text('the name of a source in the plan'),
  backup: text('the id of a backup'),
  /** indices in the manifest: `from` is the first, `to` the one after the last; null: no part, which goes with `wal` */
  parts: fields({ from: index, to: index }).nullable(),
  /** also the WAL from the backup's start to its stop, and PostgreSQL's own manifest */
  wal: yesOrNo(),
});

/** Reads some parts of a backup back, or its WAL. Damage is in the result: the task has done what it was asked. */
export const task = defineJob({
  input: verifyPartInput,
  async run({ source: name, backup: id, parts, wal }, world): Promise<VerifyPartResult> {
    const { plan, vault, environment, signal, log, startedAt, now } = world;
    const { name: source } = chooseSource(plan, name);
    const { id: backup } = parseBackupId(id);
    if (parts === null && !wal) throw new InputInvalid('parts', null, 'a range, or wal: true beside it');
    const damage: string[] = [];
    let manifest: Manifest | undefined;
    await noteDamage(damage, async () => {
      manifest = await readBackup(vault.store, source, backup);
    });
    let rawBytes = 0;
    let found: Findings = { parts: 0, damage: [] };
    if (manifest) {
      const totalBytes = rawBytesOf(manifest, parts);
      const phases = new PhaseLog(log);
      phases.show('read back', 0, totalBytes);
      const onBytes = (bytes: number) => {
        rawBytes += bytes;
        phases.show('read back', rawBytes, totalBytes);
      };
      const work = { vault, location: plan.bucket, environment, manifest, workers: cores(), signal, onBytes };
      found = await verifyParts(work, { parts, wal });
    }
    for (const what of [...damage, ...found.damage]) log.error('damage', { what });
    const durationMs = now().getTime() - startedAt.getTime();
    return { source, backup, parts, wal, rawBytes, damage: [...damage, ...found.damage], durationMs };
  },
});

/** @throws InputInvalid when the manifest has no such parts */
function rawBytesOf({ parts }: Manifest, range: PartRange | null): number {
  if (!range) return 0;
  if (range.from >= range.to) throw new InputInvalid('parts.from', range.from, `a number below parts.to, ${range.to}`);
  if (range.to > parts.length) {
    throw new InputInvalid('parts.to', range.to, `at most ${parts.length}: the backup has no more parts`);
  }
  return parts.slice(range.from, range.to).reduce((sum, { rawBytes }) => sum + rawBytes, 0);
}
