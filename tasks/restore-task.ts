import { isAbsolute } from 'node:path';
import { readChain } from '#catalog/backups';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { PlanChanged } from '#model/plan-changed';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { parseTarget } from '#model/recovery-target';
import { type RestoreRequest, restoreRequestSchema, tablespaceMappings } from '#model/restore-request';
import { type RestoreRecord, restoreRecordSchema } from '#model/task-result';
import { approvalHash } from '#recovery/approval-hash';
import { preparePlan } from '#recovery/prepare-plan';
import { planLayout } from '#recovery/restore-layout';
import { abandonedRecord, readRecord } from '#recovery/restore-record';
import { stopOrphanedServer } from '#runtime/orphaned-server';
import { serverAccount } from '#runtime/server-account';
import { thisProcess } from '#runtime/this-process';
import { PhaseLog } from './progress-log.ts';
import { isTrouble, type RestoreProgress, restore, throwFailedChecks } from './restore.ts';
import { restoreWork, serverPrograms } from './restore-source.ts';
import { defineJob } from './task.ts';

export const restoreInput = fields({
  source: text('the name of a source in the plan'),
  /** as it was planned and approved */
  request: restoreRequestSchema,
  planHash: text("the plan's hash, 64 hexadecimal digits", /^[0-9a-f]{64}$/),
  requestedBy: text('the name of who asks for it'),
  approvedBy: text('the name of who approved it, or null').nullable(),
});

/**
 * Carries out one recovery plan, the one with this hash and no other. Where an earlier attempt of the same execution has
 * come to its end, its record is the answer; where it was killed on the way, what it left makes room.
 */
export const task = defineJob({
  input: restoreInput,
  async run({ source: name, request, planHash, requestedBy, approvedBy }, world): Promise<RestoreRecord> {
    const { plan: configuration, planPath, vault, environment, signal, log, now, call } = world;
    const source = chooseSource(configuration, name);
    checkRequest(name, request);
    const done = finishedRecord(request.to, planHash, call.execution);
    if (done) {
      log.info('an earlier attempt has restored it already');
      throwFailedChecks(done);
      return done;
    }
    const prepared = await preparePlan(vault, name, parseTarget(request.target), signal);
    const hash = approvalHash(prepared.hash, request);
    if (hash !== planHash) throw planChanged(name, planHash, hash);
    const chain = await readChain(vault.store, name, prepared.plan.chain, prepared.facts.backups);
    const phases = new PhaseLog<RestoreProgress['phase']>(log);
    const abandoned = await clearUp(request.to, call.execution);
    const work = restoreWork({
      source,
      prepared: { ...prepared, hash },
      vault,
      location: configuration.bucket,
      planPath,
      environment,
      chain,
      layout: planLayout(request.to, chain.at(-1)!.tablespaces, tablespaceMappings(request)),
      setAside: request.setAside || abandoned,
      account: await serverAccount(environment.LIFEBOAT_RUN_AS, 'LIFEBOAT_RUN_AS'),
      binDir: serverPrograms(prepared.plan.major, environment.LIFEBOAT_BIN_DIR, environment),
      settings: request.settings,
      requestedBy,
      approvedBy,
      execution: call.execution,
      now,
      signal,
      onProgress: (progress) => showProgress(phases, progress),
      onLog: (line) => isTrouble(line) && log.info('server', { line }),
    });
    return restore(work);
  },
});

/** The schema looks at shapes; these are what a restore relies on. */
function checkRequest(source: string, request: RestoreRequest): void {
  if (request.source !== source) throw new InputInvalid('request.source', request.source, `${source}, as in source`);
  if (!isAbsolute(request.to)) throw new InputInvalid('request.to', request.to, 'the absolute path of a directory');
}

/** What lies there already, if it is this very restore. */
function finishedRecord(dataDir: string, planHash: string, execution: string): RestoreRecord | undefined {
  const { success, data } = restoreRecordSchema.safeParse(readRecord(dataDir));
  const ours = success && data.planHash === planHash && data.execution === execution;
  return ours && data.state === 'replayed' ? data : undefined;
}

/**
 * True when an attempt of the same execution was killed here. Its server may live on, and what it laid down is cleared
 * away; but for what a server has written to, and the tablespaces, which only are set aside.
 */
async function clearUp(dataDir: string, execution: string): Promise<boolean> {
  const abandoned = abandonedRecord(dataDir, thisProcess());
  if (!abandoned) return false;
  await stopOrphanedServer(dataDir);
  return abandoned.execution === execution;
}

const planChanged = (source: string, approved: string, found: string): PlanChanged =>
  new PlanChanged(
    `the plan to restore ${source} changed since it was approved: it was ${approved.slice(0, 12)}, it is ${found.slice(0, 12)}`,
    {
      operation: 'restore',
      subject: source,
      hint: 'nothing was touched: start the restore again, and approve its plan as it is now',
    },
  );

export function showProgress(phases: PhaseLog<RestoreProgress['phase']>, progress: RestoreProgress): void {
  if (progress.phase === 'files') phases.show('files', progress.doneBytes, progress.totalBytes);
  else if (progress.phase === 'replay') phases.show('replay', progress.fetchedFiles, progress.totalFiles, 'Files');
  else phases.show(progress.phase);
}
