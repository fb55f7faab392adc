import { chooseAny } from '#model/choose-source';
import { parseDumpId } from '#model/dump-id';
import { text, yesOrNo } from '#model/plan-field';
import { fields } from '#model/read-input';
import type { ProveDumpResult } from '#model/task-result';
import { serverAccount } from '#runtime/server-account';
import { drillsFolder, removeDeadDrills } from './drill-place.ts';
import { PhaseLog } from './progress-log.ts';
import { proveDump } from './prove-dump.ts';
import { isTrouble } from './restore.ts';
import { defineJob } from './task.ts';

const proveDumpInput = fields({
  source: text('the name of a source in the plan'),
  dump: text('the id of a dump'),
  /** whether it is restored into a throw-away server, too, and asked the plan's checks */
  restore: yesOrNo(),
  requestedBy: text('the name of who asks for it').exactOptional(),
});

/** Reads a dump back, and restores it for a look. What came out is the result; what stood in the way is a failure. */
export const task = defineJob({
  input: proveDumpInput,
  async run(input, world): Promise<ProveDumpResult> {
    const { plan, vault, environment, log, call, now, signal } = world;
    const source = chooseAny(plan, input.source);
    const dump = parseDumpId(input.dump).id;
    const parent = drillsFolder(environment);
    for (const folder of await removeDeadDrills(parent))
      log.warn('removed what a drill left that was killed', { folder });
    const phases = new PhaseLog<string>(log);
    const result = await proveDump({
      source: source.name,
      dump,
      vault,
      restore: input.restore,
      checks: source.kind === 'postgres' ? source.checks : [],
      environment,
      parent,
      name: `${call.executionName}-${call.step}`,
      account: input.restore ? await serverAccount(environment.LIFEBOAT_RUN_AS, 'LIFEBOAT_RUN_AS') : undefined,
      binDir: environment.LIFEBOAT_BIN_DIR || undefined,
      now,
      signal,
      onProgress: (phase, doneBytes, totalBytes) => phases.show(phase, doneBytes, totalBytes),
      onLog: (line) => void (isTrouble(line) && log.info('server', { line })),
    });
    const { verdict, failure, checks } = result;
    const failed = checks.filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
    if (verdict === 'broken') log.error('broken', { dump, reason: failure?.message ?? failed });
    else log.info(verdict, { dump, checks: checks.length });
    return result;
  },
});
