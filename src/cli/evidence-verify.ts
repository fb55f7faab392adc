import { checkEvidence } from '#cli/check-evidence';
import { defineCommand } from '#cli/command';

export const command = defineCommand({
  name: 'evidence verify',
  summary: 'check that nothing of the evidence was changed, and who has signed it',
  help: `Reads all records and all signed heads. A record that was taken out, changed, put in, moved, or cut off at the end is named,
and so is a head that was taken out, changed, or signed by somebody else; the exit code is 6. What counts are the keys that the
plan names (evidence), or those in the files that --public-key names: then neither the plan's key nor KMS is asked.`,
  examples: ['lifeboat evidence verify', 'lifeboat evidence verify --public-key evidence.key.pub --json'],
  options: {
    publicKey: {
      flags: '--public-key <file>',
      summary: 'public keys in PEM that count, in place of those of the plan',
      repeatable: true,
    },
  },

  async run({ publicKey }, context) {
    const { check, told } = await checkEvidence(publicKey, context);
    context.output.print(told.join('\n'), check);
    return check.ok ? 0 : 6;
  },
});
