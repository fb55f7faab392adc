import { z } from 'zod';
import { committedBackups, readBackup } from '#catalog/backups';
import { readStanding } from '#catalog/standing';
import type { BackupId } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { executionName } from '#model/execution-name';
import { InputInvalid } from '#model/failure';
import { groupParts } from '#model/part-groups';
import { fields } from '#model/read-input';
import type { StandingState } from '#model/standing';
import { verifyRequest } from '#model/verify-request';
import type { Bucket } from '#runtime/open-bucket';
import { edge } from './edge.ts';

const limits = { groupBytes: 16 * 2 ** 30, maxGroups: 40 };

/** Which backup is read back, and in which steps: ranges of its parts, and its WAL. */
export const handler = edge({
  name: 'plan-verify',
  input: fields({ input: z.unknown() }),

  async run({ input }, { plan, vault }) {
    const asked = verifyRequest(input);
    const source = chooseSource(plan, asked.source).name;
    const backup = asked.backup ?? (await committedBackups(vault.store, source)).at(-1)?.backup;
    if (!backup) throw new InputInvalid('source', source, 'one with a committed backup', 'take one: `lifeboat backup`');
    const known = asked.byEvent ? await stateOf(vault.store, source, backup) : 'committed';
    const { parts } = await readBackup(vault.store, source, backup);
    const ranges = groupParts(
      parts.map(({ rawBytes }) => rawBytes),
      limits,
    );
    const steps = ranges.map((range) => ({ step: `parts-${range.from}-${range.to}`, parts: range, wal: false }));
    return {
      source,
      backup,
      requestedBy: asked.requestedBy,
      drillName: executionName('verified', backup, source),
      known,
      steps: [...steps, { step: 'wal', parts: null, wal: true }],
    };
  },
});

/** Events come twice: what is known of the backup by then. */
async function stateOf(store: Bucket['store'], source: string, backup: BackupId): Promise<StandingState> {
  const { backups } = await readStanding(store, source);
  return backups.find((standing) => standing.backup === backup)?.state ?? 'committed';
}
