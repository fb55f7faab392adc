import { z } from 'zod';
import { committedBackups, readBackup } from '#catalog/backups';
import { readStanding, readVersion } from '#catalog/standing';
import { versionOf } from '#catalog/verified';
import { answerChars } from '#model/answer-chars';
import type { BackupId } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { executionName } from '#model/execution-name';
import { InputInvalid } from '#model/failure';
import { fields } from '#model/read-input';
import type { StandingState } from '#model/standing';
import { verifyRequest } from '#model/verify-request';
import { verifySteps } from '#model/verify-steps';
import { manifestKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { edge } from './edge.ts';

const most = { messageChars: 500 };

/**
 * Which backup is read back, and in which steps. What is known of the very same manifest need not be read again for an
 * event, which may come twice; and late, when the backup is gone, or for what was never ours.
 */
export const handler = edge({
  name: 'plan-verify',
  input: fields({ input: z.unknown() }),

  async run({ input }, { plan, vault: { store } }) {
    const asked = verifyRequest(plan, input);
    if (!asked) return { ...nothing, known: 'foreign' };
    const { byEvent, requestedBy } = asked;
    const source = chooseSource(plan, asked.source).name;
    const backup = asked.backup ?? (await committedBackups(store, source)).at(-1)?.backup;
    if (!backup) throw new InputInvalid('source', source, 'one with a committed backup', 'take one: `lifeboat backup`');
    const stored = await store.head(manifestKey(source, backup));
    const manifest = await readBackup(store, source, backup).catch((failure) => {
      if (byEvent && failure instanceof InputInvalid) return undefined;
      throw failure;
    });
    if (!manifest || !stored) return { ...nothing, source, backup, requestedBy, known: 'gone' };
    const version = versionOf(stored.etag);
    const known = await knownOf(store, source, backup, version);
    const steps = verifySteps(manifest.parts.map(({ rawBytes }) => rawBytes));
    return {
      source,
      backup,
      version,
      requestedBy,
      // one drill for each version of a backup, of which there is one unless somebody meddled with it
      drillName: asked.drill ? executionName('verified', backup, source, ...(known.replaced ? [version] : [])) : null,
      known: byEvent ? known.state : 'committed',
      concurrency: plan.concurrency.all,
      /** of each step's failure in the answer */
      messageChars: answerChars(steps.length, most.messageChars),
      steps,
    };
  },
});

const nothing = {
  ...{ source: null, backup: null, version: null, requestedBy: 'an event', drillName: null },
  ...{ concurrency: 1, messageChars: 0, steps: [] },
};

/** What earlier results say of the backup; those of another version of its manifest say nothing. */
async function knownOf(
  store: ObjectStore,
  source: string,
  backup: BackupId,
  version: string,
): Promise<{ state: StandingState; replaced: boolean }> {
  const read = await readVersion(store, source, backup);
  if (read !== undefined && read !== version) return { state: 'committed', replaced: true };
  const { backups } = await readStanding(store, source);
  return { state: backups.find((standing) => standing.backup === backup)?.state ?? 'committed', replaced: false };
}
