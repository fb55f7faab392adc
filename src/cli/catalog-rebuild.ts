import { rebuildOpenQuestions } from '#catalog/approvals';
import { rebuildCatalog } from '#catalog/backups';
import { rebuildEvidenceEnd } from '#catalog/evidence';
import { rebuildStanding } from '#catalog/proofs';
import { rebuildVerifiedWal } from '#catalog/wal-projection';
import { defineCommand } from '#cli/command';
import { chooseSource } from '#model/choose-source';
import { openBucket } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'catalog rebuild',
  summary: 'make the catalog anew from the bucket',
  help: `The catalog only saves reads: everything in it stands in manifests and records, too. This reads them all and writes anew
what is known of backups, proofs, verified WAL, open questions and the end of the evidence, as after somebody deleted or
changed it.`,
  examples: ['lifeboat catalog rebuild', 'lifeboat catalog rebuild --source orders'],
  options: { source: { flags: '--source <name>', summary: 'only this source (default: all)' } },

  async run({ source }, { plan, environment, output, now }) {
    const { sources } = await plan();
    const chosen = source === undefined ? sources : [chooseSource(await plan(), source, '--source')];
    const { store } = await openBucket(await plan(), environment);
    const results = [];
    for (const { name } of chosen) {
      const found = await rebuildCatalog(store, name);
      await rebuildStanding(store, name);
      await rebuildVerifiedWal(store, name);
      const count = (state: string) => found.filter((backup) => backup.state === state).length;
      results.push({
        source: name,
        committed: count('committed'),
        uncommitted: count('uncommitted'),
        unreadable: count('unreadable'),
      });
    }
    await rebuildOpenQuestions(store, now());
    await rebuildEvidenceEnd(store);
    const lines = results.map(
      (one) =>
        `${one.source}: ${one.committed} committed, ${one.uncommitted} uncommitted, ${one.unreadable} unreadable`,
    );
    output.print(lines.join('\n'), { sources: results });
    return results.some((one) => one.unreadable > 0) ? 6 : 0;
  },
});
