import { z } from 'zod';
import { committedBackups } from '#catalog/backups';
import { readKnownVersion } from '#catalog/known-version';
import { answerChars } from '#model/answer-chars';
import { chooseSource } from '#model/choose-source';
import { executionName } from '#model/execution-name';
import { InputInvalid } from '#model/failure';
import { fields } from '#model/read-input';
import { verifyRequest } from '#model/verify-request';
import { verifySteps } from '#model/verify-steps';
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
    const found = await readKnownVersion(store, source, backup).catch((failure) => {
      // who scrubs chose it a while ago: it may have expired since
      if ((byEvent || requestedBy === 'scrub') && failure instanceof InputInvalid) return undefined;
      throw failure;
    });
    if (!found) return { ...nothing, source, backup, requestedBy, known: 'gone' };
    const { version, state, replaced } = found;
    const steps = verifySteps(found.manifest.parts.map(({ rawBytes }) => rawBytes));
    return {
      source,
      backup,
      version,
      requestedBy,
      // one drill for each version of a backup, of which there is one unless somebody meddled with it
      drillName: asked.drill ? executionName('verified', backup, source, ...(replaced ? [version] : [])) : null,
      known: byEvent ? state : 'committed',
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
