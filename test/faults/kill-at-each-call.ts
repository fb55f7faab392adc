import assert from 'node:assert/strict';
import type { ReplicatedSite } from '#harness/replicated-site';
import type { Json } from '#local/integration';
import type { FailoverWorld, MoveOptions } from './failover-world.ts';
import { isWhole, primaryIs, succeeded } from './fault-scene.ts';
import { settle } from './settle.ts';

/*
 * The engine is killed at calls of a Task, one after the other: right before the call, or when its work is done and nobody has heard of it. It
 * goes on from the journal, and it has to come to the same end as if nothing had been.
 */

/** Answers how many calls a move makes that nobody kills. */
export async function atEachCall(
  world: FailoverWorld,
  input: Record<string, Json>,
  /** answers where the primary is, or was */
  given: () => Promise<ReplicatedSite>,
  options: MoveOptions = {},
  /** 1: at every call, which takes some minutes */
  step = 3,
): Promise<number> {
  for (let afterCalls = 0; ; afterCalls += step) {
    const name = `killed-${JSON.stringify(input).length}-${options.machine ?? ''}-${afterCalls}`;
    const primary = await given();
    const next = world.other(primary.name);
    const death = { afterCalls, when: afterCalls % 2 === 0 ? 'after' : 'before' } as const;
    const first = await world.move(input, { ...options, name, death });
    if (first === 'killed') succeeded(await world.move(input, { ...options, name }));
    else succeeded(first);
    const lost = input.planned || options.machine ? await world.watch.lost(next) : [];
    assert.deepEqual(lost, [], `killed ${death.when} call ${afterCalls}`);
    await primaryIs(world, next);
    await settle(world, name, []);
    await isWhole(world);
    await world.watch.forgetLost(next);
    if (first !== 'killed') return world.engine.calls(name);
  }
}
