import { rebuildCatalog } from '#catalog/backups';
import { rebuildDumps } from '#catalog/dumps';
import { rebuildEvidenceEnd } from '#catalog/evidence';
import { rebuildOpenIncidents } from '#catalog/incidents';
import { rebuildOpenQuestions } from '#catalog/open-questions';
import { rebuildStanding } from '#catalog/proofs';
import { rebuildVerifiedWal } from '#catalog/wal-projection';
import { defineCommand } from '#cli/command';
import { chooseAny } from '#model/choose-source';
import { openBucket } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'catalog rebuild',
  summary: 'make the catalog anew from the bucket',
  help: `The catalog only saves reads: everything in it stands in manifests and records, too. This reads them all and writes anew
what is known of backups, dumps, proofs, verified WAL, open questions and incidents, and the end of the evidence, as after
somebody deleted or changed it.`,
  examples: ['lifeboat catalog rebuild', 'lifeboat catalog rebuild --source orders'],
  options: { source: { flags: '--source <name>', summary: 'only this source (default: all)' } },

  async run({ source }, { plan, environment, output, now }) {
    const { sources, managed } = await plan();
    const chosen = source === undefined ? [...sources, ...managed] : [chooseAny(await plan(), source, '--source')];
    const { store } = await openBucket(await plan(), environment);
    const results = [];
    for (const { name } of chosen) {
      const found = await rebuildCatalog(store, name);
      await rebuildStanding(store, name);
      await rebuildVerifiedWal(store, name);
      const dumps = await rebuildDumps(store, name);
      const count = (state: string) => found.filter((backup) => backup.state === state).length;
      const countDumps = (state: string) => dumps.filter((dump) => dump.state === state).length;
      results.push({
        source: name,
        committed: count('committed'),
        uncommitted: count('uncommitted'),
        unreadable: count('unreadable'),
        dumps: {
          committed: countDumps('committed'),
          uncommitted: countDumps('uncommitted'),
          unreadable: countDumps('unreadable'),
        },
      });
    }
    await rebuildOpenQuestions(store, now());
    await rebuildOpenIncidents(store, now());
    await rebuildEvidenceEnd(store);
    const lines = results.map(
      ({ source, dumps, ...backups }) => `${source}: ${told(backups)}${anyOf(dumps) ? `; dumps: ${told(dumps)}` : ''}`,
    );
    output.print(lines.join('\n'), { sources: results });
    return results.some(({ unreadable, dumps }) => unreadable + dumps.unreadable > 0) ? 6 : 0;
  },
});

interface Counts {
  committed: number;
  uncommitted: number;
  unreadable: number;
}

const told = ({ committed, uncommitted, unreadable }: Counts): string =>
  `${committed} committed, ${uncommitted} uncommitted, ${unreadable} unreadable`;

const anyOf = ({ committed, uncommitted, unreadable }: Counts): boolean => committed + uncommitted + unreadable > 0;
