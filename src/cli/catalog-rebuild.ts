import { rebuildCatalog } from '#catalog/backups';
import { defineCommand } from '#cli/command';
import { chooseSource } from '#model/choose-source';
import { openBucket } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'catalog rebuild',
  summary: 'make the catalog anew from the bucket',
  help: `The catalog only saves reads: everything in it stands in the manifests, too. This reads all manifests of the plan's
sources and writes the catalog anew, as after somebody deleted it or changed it.`,
  examples: ['lifeboat catalog rebuild', 'lifeboat catalog rebuild --source orders'],
  options: { source: { flags: '--source <name>', summary: 'only this source (default: all)' } },

  async run({ source }, { plan, environment, output }) {
    const { sources } = await plan();
    const chosen = source === undefined ? sources : [chooseSource(await plan(), source, '--source')];
    const { store } = await openBucket(await plan(), environment);
    const results = [];
    for (const { name } of chosen) {
      const found = await rebuildCatalog(store, name);
      const count = (state: string) => found.filter((backup) => backup.state === state).length;
      results.push({
        source: name,
        committed: count('committed'),
        uncommitted: count('uncommitted'),
        unreadable: count('unreadable'),
      });
    }
    const lines = results.map(
      (one) =>
        `${one.source}: ${one.committed} committed, ${one.uncommitted} uncommitted, ${one.unreadable} unreadable`,
    );
    output.print(lines.join('\n'), { sources: results });
    return results.some((one) => one.unreadable > 0) ? 6 : 0;
  },
});
