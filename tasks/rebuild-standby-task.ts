import { holdLease } from '#catalog/execution-lease';
import { releaseLeaseOf } from '#catalog/release-lease';
import { chooseGroup } from '#model/choose-group';
import { chooseSource } from '#model/choose-source';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import type { Site } from '#model/failover-site';
import { InputInvalid } from '#model/failure';
import { oneOf, text, yesOrNo } from '#model/plan-field';
import { fields } from '#model/read-input';
import type { RebuildResult } from '#model/task-result';
import { thisProcess } from '#runtime/this-process';
import { holdWhileWorking } from './hold-while-working.ts';
import { PhaseLog } from './progress-log.ts';
import { rebuildPrimary } from './rebuild-primary.ts';
import { rebuildReplica } from './rebuild-replica.ts';
import { rebuildStandby } from './rebuild-standby.ts';
import type { PostgresSite, RebuildPhase, RebuildWork } from './rebuild-work.ts';
import { defineJob, type JobWorld } from './task.ts';

const rebuildInput = fields({
  group: text('the name of a group in the plan'),
  site: text('the name of one of its sites'),
  as: oneOf(['standby', 'primary'] as const),
  requestedBy: text('the name of who asks for it'),
  /** as primary: though the server at the other site could not be fenced, which somebody has approved */
  force: yesOrNo().default(false),
});

/**
 * Makes the server of a site a standby of the primary at the other one; or, where no replica lives, a primary from the bucket.
 * Done again, also after a kill, it finds what the first time left, and goes on from there.
 */
export const task = defineJob({
  input: rebuildInput,
  async run({ group: name, site: siteName, as, requestedBy, force }, world): Promise<RebuildResult> {
    const { plan, startedAt, now } = world;
    const group = chooseGroup(plan, name);
    const site = siteOf(group, siteName);
    const other = sitesOf(group).find((one) => one !== site)!;
    const outcome = await leased(world, { source: group.source, as }, async (signal, holdNow) => {
      const common = { ...world, group, location: plan.bucket, requestedBy, execution: world.call.execution, signal };
      if (!isPostgres(site) || !isPostgres(other) || site.server.control.kind === 'ec2')
        return rebuildReplica({ ...common, site, other, as });
      const work: RebuildWork = { ...common, ...postgres(world, group), site, other, holdNow };
      return as === 'standby' ? rebuildStandby(work) : rebuildPrimary(work, force);
    });
    const durationMs = now().getTime() - startedAt.getTime();
    const times = { durationMs, startedAt: startedAt.toISOString(), finishedAt: now().toISOString() };
    return { group: group.name, site: site.name, as, ...outcome, ...times };
  },
});

const isPostgres = (site: Site): site is PostgresSite => site.server.kind === 'postgres';

function postgres({ plan, log }: JobWorld, group: FailoverGroup): Pick<RebuildWork, 'source' | 'onProgress'> {
  const phases = new PhaseLog<RebuildPhase>(log);
  return {
    source: chooseSource(plan, group.source),
    onProgress: (phase, doneBytes, totalBytes) => phases.show(phase, doneBytes, totalBytes),
  };
}

function siteOf(group: FailoverGroup, name: string): Site {
  const found = sitesOf(group).find((site) => site.name === name);
  if (found) return found;
  throw new InputInvalid(
    'site',
    name,
    `one of the sites ${sitesOf(group)
      .map((site) => site.name)
      .join(', ')}`,
  );
}

/** A primary is made in the middle of a failover, which gives the lease back itself. @throws LeaseHeld */
async function leased<T>(
  { vault, call: { execution }, now, signal, log }: JobWorld,
  { source, as }: { source: string; as: 'standby' | 'primary' },
  work: (signal: AbortSignal, holdNow: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const { store } = vault;
  const hold = () => holdLease(store, source, 'failover', { execution, ...thisProcess(), now: now() });
  try {
    return await holdWhileWorking({ hold, source, signal, log }, work);
  } finally {
    if (as === 'standby') await releaseLeaseOf(store, source, 'failover', { execution, now: now() });
  }
}
