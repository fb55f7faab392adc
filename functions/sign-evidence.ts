import { z } from 'zod';
import { signEvidence } from '#catalog/sign-evidence';
import { openSigner } from '#runtime/open-signer';
import { edge } from './edge.ts';

/** Once a day: how far the evidence goes, signed. The same day again signs nothing more. */
export const handler = edge({
  name: 'sign-evidence',
  input: z.object({}),

  async run(_, { plan, vault, environment, now }) {
    const signer = await openSigner(plan, environment);
    return signer ? signEvidence(vault.store, signer, now()) : { key: null, sequence: 0, again: false };
  },
});
