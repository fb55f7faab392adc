import { type DumpEntry, findDumps } from '#catalog/dumps';
import { withLease } from '#catalog/lease';
import { chooseDumped } from '#model/choose-dumped';
import { text, yesOrNo } from '#model/plan-field';
import { fields } from '#model/read-input';
import type { DumpResult } from '#model/task-result';
import { connectOptions } from '#runtime/connect-options';
import { findClientPrograms } from '#runtime/find-program';
import { libpqEnvironment } from '#runtime/libpq-environment';
import { cores } from '#runtime/this-process';
import { takeDump } from './dump.ts';
import { leaseOrEarlier } from './lease-or-earlier.ts';
import { PhaseLog } from './progress-log.ts';
import { defineJob, type JobWorld } from './task.ts';

const dumpInput = fields({
  source: text('the name of a source in the plan'),
  /** without it, what the plan says */
  schemaOnly: yesOrNo().exactOptional(),
  requestedBy: text('the name of who asks for it'),
});

/**
 * Takes one dump. Where an earlier attempt of the same execution had committed one and died before it could say so, that
 * one is the answer: no second one is taken.
 */
export const task = defineJob({
  input: dumpInput,
  async run({ source: name, schemaOnly, requestedBy }, world): Promise<DumpResult> {
    const { vault, startedAt, signal, log, now } = world;
    const source = chooseDumped(world.plan, name);
    const { execution } = world.call;
    const begun = await leaseOrEarlier(world, name, 'dump', () => ownDump(world, name));
    if ('earlier' in begun) return resultOfEarlier(name, begun.earlier);
    const { lease, waited } = begun;
    const warnings: string[] = [];
    const phases = new PhaseLog(log);
    let current: string | undefined;
    const manifest = await withLease(lease, async (leaseSignal) => {
      const connection = await connectOptions(source.connection, world.environment);
      const libpq = await libpqEnvironment(source.connection, world.environment);
      return await takeDump({
        ...vault,
        source: name,
        databases: source.dump.databases,
        schemaOnly: schemaOnly ?? source.dump.schemaOnly,
        connection,
        libpq: libpq.environment,
        findPrograms: (major) => findClientPrograms(major, world.environment),
        level: source.compressionLevel,
        lanes: cores(),
        requestedBy,
        execution,
        startedAt: waited ? now() : startedAt,
        now,
        signal: AbortSignal.any([signal, leaseSignal]),
        onProgress({ phase, database, doneBytes, totalBytes }) {
          phases.show(phase, doneBytes, totalBytes);
          if (database === undefined || database === current) return;
          current = database;
          log.info('the dump of a database begins', { database });
        },
        onWarning(warning) {
          warnings.push(warning);
          log.warn(warning);
        },
      }).finally(libpq.remove);
    });
    const names = manifest.databases.map((database) => database.name);
    const { dump, kind, rawBytes, storedBytes } = manifest;
    const durationMs = now().getTime() - startedAt.getTime();
    return { source: name, dump, kind, databases: names, rawBytes, storedBytes, warnings, durationMs };
  },
});

/** A redrive may start a step again two weeks later, not more. */
const longestAgoMs = 15 * 24 * 3600 * 1000;

/** The dump of this source that our execution has committed. */
async function ownDump({ vault, call, startedAt }: JobWorld, source: string): Promise<DumpEntry | undefined> {
  const found = await findDumps(vault.store, source, { begunSince: new Date(startedAt.getTime() - longestAgoMs) });
  const committed = found.flatMap((one) => (one.state === 'committed' ? [one.entry] : []));
  return committed.findLast(({ execution }) => execution === call.execution);
}

function resultOfEarlier(source: string, entry: DumpEntry): DumpResult {
  const { dump, kind, databases, rawBytes, storedBytes } = entry;
  const durationMs = Date.parse(entry.finishedAt) - Date.parse(entry.startedAt);
  return { source, dump, kind, databases, rawBytes, storedBytes, warnings: [], durationMs };
}
