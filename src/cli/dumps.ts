import { type FoundDump, findDumps } from '#catalog/dumps';
import { readHolds } from '#catalog/holds';
import { defineCommand } from '#cli/command';
import { formatTable } from '#cli/format-table';
import { chooseDumped } from '#model/choose-dumped';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'dumps',
  summary: 'list the dumps in the bucket',
  help: `One line for each dump of a source, oldest first: when it began and how long it took, what pg_dump wrote and what it takes
in the bucket, and which databases are in it.

A dump is committed, then verified (every byte was read back as it was written), then proven (restored into a throw-away
server, and the plan's checks were answered) or broken, with the reason. One that is held (\`lifeboat hold\`) is removed by
no retention. A dump without a manifest never happened: it is shown as uncommitted, and retention removes it.`,
  examples: ['lifeboat dumps', 'lifeboat dumps --source orders --json'],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
  },

  async run({ source }, { plan: readPlan, environment, output, now }) {
    const plan = await readPlan();
    const { name } = chooseDumped(plan, source, '--source');
    const store = await openStoreAt(plan.bucket, environment);
    const [found, holds] = await Promise.all([findDumps(store, name), readHolds(store, name, now())]);
    const held = new Map<string, string>(holds.map(({ id, reason }) => [id, reason]));
    const rows = found.map((one) => row(one, held.has(one.id)));
    const head = ['DUMP', 'STATE', 'TOOK', 'DUMPED', 'STORED', 'DATABASES'];
    const text = rows.length === 0 ? `no dumps of ${name}: \`lifeboat dump\` takes one` : formatTable([head, ...rows]);
    output.print(text, { source: name, dumps: found.map((one) => toJson(one, held.get(one.id))) });
  },
});

function row(found: FoundDump, isHeld: boolean): string[] {
  if (found.state === 'uncommitted') return [found.id, 'uncommitted'];
  if (found.state === 'unreadable') return [found.id, 'unreadable', '', '', '', found.failure.message];
  const { dump, state, startedAt, finishedAt, rawBytes, storedBytes, databases, failure } = found.entry;
  const took = formatDuration(Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)));
  const names = databases.join(', ') + (failure === null ? '' : `: ${failure}`);
  return [dump, `${state}${isHeld ? ', held' : ''}`, took, formatBytes(rawBytes), formatBytes(storedBytes), names];
}

const toJson = (found: FoundDump, held: string | undefined): object =>
  found.state === 'committed'
    ? { ...found.entry, held: held ?? null }
    : { dump: found.id, state: found.state, failure: found.state === 'unreadable' ? found.failure.message : null };
