import { z } from 'zod';
import { parseBackupId } from '#model/backup-id';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { text } from '#model/plan-field';
import { fields } from '#model/read-input';
import { parseTarget, type RecoveryTarget } from '#model/recovery-target';
import { targetInputSchema } from '#model/restore-request';
import type { DrillCleanup, DrillResult } from '#model/task-result';
import { serverAccount } from '#runtime/server-account';
import { drill } from './drill.ts';
import { drillsFolder, removeDeadDrills } from './drill-place.ts';
import { PhaseLog } from './progress-log.ts';
import { isTrouble, type RestoreProgress } from './restore.ts';
import { showProgress } from './restore-task.ts';
import { defineJob, type JobWorld } from './task.ts';

const drillInput = fields({
  source: text('the name of a source in the plan'),
  /** what to restore to; default: the latest point, with a backup its own end */
  target: targetInputSchema.exactOptional(),
  /** begin with this backup and no other */
  backup: text('the id of a backup').exactOptional(),
  requestedBy: text('the name of who asks for it').exactOptional(),
  /** only remove what drills left that were killed */
  clean: z.literal(true, { error: 'true, or leave it out' }).exactOptional(),
});
type DrillInput = z.infer<typeof drillInput>;

/** Restores a backup into a throw-away place, starts it, checks it, and removes it. What came out is the result. */
export const task = defineJob({
  input: drillInput,
  async run(input, world): Promise<DrillResult | DrillCleanup> {
    const { plan, environment, log } = world;
    const source = chooseSource(plan, input.source);
    const parent = drillsFolder(environment);
    const target = targetOf(input);
    const removed = await removeDeadDrills(parent);
    for (const folder of removed) log.warn('removed what a drill left that was killed', { folder });
    if (target === undefined) return { removed };
    const result = await drill({
      ...worldOf(world),
      source,
      target,
      parent,
      account: await serverAccount(environment.LIFEBOAT_RUN_AS, 'LIFEBOAT_RUN_AS'),
      requestedBy: input.requestedBy ?? 'somebody',
    });
    const { verdict, backup, failure, checks } = result;
    const failed = checks.filter(({ ok }) => !ok);
    if (verdict === 'proven') log.info('proven', { backup, checks: checks.length });
    else
      log.error('broken', {
        backup,
        reason: failure?.message ?? failed.map(({ check, detail }) => `${check}: ${detail}`),
      });
    return result;
  },
});

function worldOf({ plan, planPath, vault, environment, call, now, signal, log }: JobWorld) {
  const phases = new PhaseLog<RestoreProgress['phase']>(log);
  return {
    vault,
    location: plan.bucket,
    planPath,
    environment,
    name: `${call.executionName}-${call.step}`,
    binDir: environment.LIFEBOAT_BIN_DIR,
    execution: call.execution,
    now,
    signal,
    onProgress: (progress: RestoreProgress) => showProgress(phases, progress),
    onLog: (line: string) => void (isTrouble(line) && log.info('server', { line })),
  };
}

/** undefined: only clear up */
function targetOf({ source: _, clean, requestedBy, ...which }: DrillInput): RecoveryTarget | undefined {
  const { target, backup } = which;
  if (clean) {
    const [other] = Object.keys(which);
    if (other !== undefined) throw new InputInvalid(other, Object.values(which)[0], 'nothing beside clean');
    return undefined;
  }
  if (requestedBy === undefined) throw new InputInvalid('requestedBy', undefined, 'the name of who asks for it');
  if (backup === undefined) return parseTarget(target ?? {});
  const { id } = parseBackupId(backup);
  if (target?.backup !== undefined && target.backup !== id) {
    throw new InputInvalid('target.backup', target.backup, `${id}, as in backup, or leave out one of them`);
  }
  return parseTarget({ ...(target ?? { immediate: true }), backup: id });
}
