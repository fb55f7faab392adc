import type { SiteFacts } from '#failover/site-facts';
import { formatLsn } from '#model/lsn';
import type { StepMemories } from '#runtime/step-memories';

/*
 * What is known of a promotion that an execution asked for. Stored before the server is asked: from then on the standby may
 * become a primary at any moment, also when nobody hears of it. Only the server's own refusal of the first request ends that.
 *
 *     (none) -> begun -> primary
 *                     -> refused (of the first request; no other one follows)
 */

const begunStep = 'promote';
const refusedStep = 'promote-refused';

/** Whether it was begun by an earlier call. */
export async function beginPromotion(memories: StepMemories, execution: string, facts: SiteFacts): Promise<boolean> {
  if (await memories.recall(execution, begunStep)) return true;
  await memories.remember(execution, begunStep, async () => ({ [facts.site]: positionOf(facts) }));
  return false;
}

export async function rememberRefusal(
  memories: StepMemories,
  { execution, site, why }: { execution: string; site: string; why: string },
): Promise<void> {
  await memories.remember(execution, refusedStep, async () => ({ [site]: { why } }));
}

/** In words; undefined: nobody refused. */
export async function refusedBefore(memories: StepMemories, execution: string): Promise<string | undefined> {
  const before = await memories.recall(execution, refusedStep);
  return before && String(Object.values(before)[0]?.why);
}

/** Whether a standby that is none by now may become a primary yet, since this execution has asked it to. */
export const mayYetBePromoted = async (memories: StepMemories, execution: string): Promise<boolean> =>
  (await memories.recall(execution, begunStep)) !== undefined &&
  (await refusedBefore(memories, execution)) === undefined;

function positionOf({ server }: SiteFacts): Record<string, string | number | null> {
  if (server.state !== 'answers') return { state: server.state };
  const { role, timeline, lsn, received } = server;
  return { role, timeline, lsn: lsn && formatLsn(lsn), received: received && formatLsn(received) };
}
