import { z } from 'zod';
import { isMovedBetween, keepLook, readFailoverStanding } from '#catalog/failover-standing';
import { judgePrimary, type Proposal } from '#failover/judge-primary';
import { chooseGroup } from '#model/choose-group';
import type { FailoverGroup } from '#model/failover-group';
import { text } from '#model/plan-field';
import { endNotice, findingNotice } from '#notify/finding-notice';
import type { FunctionWorld } from '#runtime/function-world';
import { lookAtGroup } from '#runtime/look-at-group';
import { movingGroup } from '#runtime/moving-group';
import { executionStarterOf } from '#runtime/start-execution';
import { edge } from './edge.ts';

/** Every minute: whether each group has one primary; else people are told, and asked whether to move where the plan says so. */
export const handler = edge({
  name: 'watch-failover',
  input: z.looseObject({ group: text('the name of a group').exactOptional() }),

  async run({ group }, world, logger) {
    const { failover } = world.plan;
    const groups = group === undefined ? failover : [chooseGroup(world.plan, group)];
    const outcomes = await Promise.allSettled(groups.map((one) => watchGroup(one, world)));
    for (const [index, outcome] of outcomes.entries())
      if (outcome.status === 'rejected')
        logger.error(`${groups[index]!.name} could not be watched`, outcome.reason as Error);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    return { groups: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])) };
  },
});

async function watchGroup(group: FailoverGroup, world: FunctionWorld) {
  const { vault, now, publish } = world;
  const { before, look } = await lookOnce(group, world);
  const { standing, changes, proposal } = judgePrimary(group, before, look, now());
  for (const finding of changes.raised) await publish?.(findingNotice(finding));
  for (const finding of changes.ended) await publish?.(endNotice(finding, now()));
  const failure = proposal && (await propose(group, proposal, world).catch((error: Error) => error));
  const { gone: row } = standing;
  // what could not be started is tried with the next look
  await keepLook(vault.store, before, failure && row ? { ...standing, gone: { ...row, proposed: null } } : standing);
  if (failure) throw failure;
  const { primary, sites, gone, findings } = standing;
  return { group: group.name, primary, sites, gone, findings, proposed: proposal?.execution ?? null };
}

/** A look that a move reached into is one while it moves: some of it was seen before, some of it after. */
async function lookOnce(group: FailoverGroup, world: FunctionWorld) {
  const standing = () => readFailoverStanding(world.vault.store, group.name);
  const before = await standing();
  const look = await lookAtGroup(movingGroup(world, group.name), world);
  const after = await standing();
  const mover = isMovedBetween(before, after) ? after?.moved?.execution : undefined;
  return mover === undefined ? { before, look } : { before: after, look: { ...look, moving: mover } };
}

/** One that was started before, by a watch that died before it could keep that, is the same. */
async function propose(
  { name }: FailoverGroup,
  { execution, reason }: Proposal,
  world: FunctionWorld,
): Promise<undefined> {
  const input = { group: name, requestedBy: 'watch', proposed: true, reason };
  await executionStarterOf(world).start('failover', execution, input);
}
