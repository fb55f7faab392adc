import { readDump } from '#catalog/dumps';
import { type CommandContext, defineCommand } from '#cli/command';
import { followExecution } from '#cli/follow-execution';
import { openMachines, stateOption, whoAsks } from '#cli/open-machines';
import { chooseDumped } from '#model/choose-dumped';
import { parseDumpId } from '#model/dump-id';
import type { DumpManifest } from '#model/dump-manifest';
import { formatDuration } from '#model/duration';
import { Failure } from '#model/failure';
import { formatBytes } from '#model/format-bytes';
import type { Machines } from '#runtime/machines';
import { openStoreAt } from '#runtime/open-bucket';

export const command = defineCommand({
  name: 'dump',
  summary: 'dump databases by pg_dump, and prove the dump',
  help: `Dumps the databases that the plan names (sources.NAME.dump; all of them unless it does) by pg_dump, and roles and tablespaces
by pg_dumpall, into the bucket: compressed, encrypted as the plan says, hashed, and without anything on anybody's disk. Then
it is read back and, unless the plan says restoreTest: false, restored into a throw-away server, which answers the plan's
checks. The daemon or the stack does all of it; this asks for it, and tells how it goes.

What was dumped is brought back into the same or any later version, a database or a table at a time: \`lifeboat dump-restore\`.
It takes the place of no backup: nothing that happened between two dumps can be brought back from them.

Of several sources one begins when the one before has ended, and one that fails stops no other.`,
  examples: ['lifeboat dump', 'lifeboat dump orders ledger', 'lifeboat dump --schema-only --no-wait'],
  arguments: {
    sources: { summary: 'sources in the plan (needed when it has several)', optional: true, repeatable: true },
  },
  options: {
    source: { flags: '--source <name>', summary: 'one more, as backup and drill take it', repeatable: true },
    schemaOnly: { flags: '--schema-only', summary: 'definitions without rows, whatever the plan says' },
    noWait: { flags: '--no-wait', summary: 'start it and do not wait for its end' },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
    state: stateOption,
  },

  async run({ sources: given, source, schemaOnly, noWait, requestedBy, state }, context) {
    const plan = await context.plan();
    const sources = [...given, ...source];
    const named = sources.length === 0 ? [undefined] : sources;
    const names = [...new Set(named.map((name) => chooseDumped(plan, name, 'source').name))];
    const machines = await openMachines(context, state);
    try {
      const who = requestedBy ?? (await whoAsks(context, machines));
      const failures: Failure[] = [];
      for (const source of names) {
        const input = { source, ...(schemaOnly ? { schemaOnly } : {}), requestedBy: who };
        await dumpOne(machines, { input, wait: !noWait }, context).catch((failure: unknown) => {
          if (!(failure instanceof Failure) || context.signal.aborted) throw failure;
          if (names.length > 1) context.output.warn(`${source}: ${failure.message}`);
          failures.push(failure);
        });
      }
      if (failures.length > 0) throw failures[0];
    } finally {
      machines.close();
    }
  },
});

interface AskedDump {
  input: { source: string };
  wait: boolean;
}

/** @throws RemoteFailure when it fails */
async function dumpOne(machines: Machines, { input, wait }: AskedDump, context: CommandContext): Promise<void> {
  const { output, environment, plan } = context;
  const arn = await machines.start('dump', input);
  if (!wait) return output.print(`started ${arn}`, { execution: arn });
  const { output: ended } = await followExecution(machines, arn, context);
  const { dump, verdict } = ended as { dump: string; verdict: string };
  const store = await openStoreAt((await plan()).bucket, environment);
  const manifest = await readDump(store, input.source, parseDumpId(dump).id);
  const { source, kind, databases, rawBytes, storedBytes } = manifest;
  output.print(describe(manifest, verdict), {
    ...{ source, dump, kind, verdict, databases: databases.map(({ name }) => name) },
    ...{ rawBytes, storedBytes, execution: arn },
  });
}

function describe(manifest: DumpManifest, verdict: string): string {
  const { source, dump, databases, rawBytes, storedBytes, startedAt, finishedAt, encryption } = manifest;
  const took = formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  return [
    `dump ${dump} of ${source} is ${verdict}`,
    `  dumped    ${databases.map(({ name }) => name).join(', ')}`,
    `  size      ${formatBytes(rawBytes)} in ${took}, stored as ${formatBytes(storedBytes)}${encryption ? ', encrypted' : ''}`,
  ].join('\n');
}
