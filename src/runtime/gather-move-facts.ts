import { readFailoverStanding } from '#catalog/failover-standing';
import type { Movable } from '#failover/movable';
import type { Known, MovableFacts, MoveFacts, WitnessFacts } from '#failover/move-facts';
import { type FailoverGroup, sitesOf } from '#model/failover-group';
import { oneLine } from '#model/plain-text';
import { askWitness } from '#runtime/ask-witness';
import { bucketFacts, provenBackup, replicationFacts } from '#runtime/bucket-facts';
import type { Environment } from '#runtime/environment';
import type { FunctionWorld } from '#runtime/function-world';
import { knownInTime } from '#runtime/known-in-time';
import { lookAtMoving } from '#runtime/look-at-sites';
import { measuredMoves } from '#runtime/measured-moves';
import type { MovingGroup } from '#runtime/moving-group';

const witnessMs = 10_000;
const movableMs = 15_000;
const bucketMs = 20_000;

/** Everything that decides a move, all at once and each within its own time: what cannot be had says why. Never throws. */
export async function gatherMoveFacts(moving: MovingGroup, { plan, environment }: FunctionWorld): Promise<MoveFacts> {
  const { group, store } = moving;
  const { source } = group;
  const isOurs = plan.sources.some(({ name }) => name === source);
  const ours = <T>(ask: () => Promise<T>): Promise<Known<T | null>> =>
    isOurs ? knownInTime(bucketMs, ask) : Promise.resolve({ known: true, value: null });
  const [sites, bucket, replication, proof, movables, witnesses, measured, standing] = await Promise.all([
    lookAtMoving(moving),
    ours(() => bucketFacts(store, source)),
    ours(() => replicationFacts({ plan, store, environment }, source)),
    ours(() => provenBackup(store, source)),
    readMovables(moving),
    askWitnesses(group, environment),
    knownInTime(bucketMs, () => measuredMoves(store, source)),
    knownInTime(bucketMs, () => readFailoverStanding(store, group.name)),
  ]);
  return { sites, bucket, replication, proof, movables, witnesses, measured, standing };
}

export const askWitnesses = (group: FailoverGroup, environment: Environment): Promise<WitnessFacts[]> =>
  Promise.all(
    group.witnesses.map(async (witness): Promise<WitnessFacts> => {
      const { kind } = witness;
      const asked = await knownInTime(witnessMs, (signal) => askWitness(witness, environment, signal));
      return asked.known ? { ...asked.value, kind } : { what: kind, kind, says: 'unknown', detail: asked.why };
    }),
  );

/** What follows the primary, as it is and as it has to be; what is read is not a secret. */
async function readMovables(moving: MovingGroup): Promise<MovableFacts[]> {
  const opened = await knownInTime(movableMs, () => moving.movables());
  if (opened.known) return Promise.all(opened.value.map((one) => factsOf(one, moving.group)));
  const [home, recovery] = sitesOf(moving.group);
  const wanted = { [home.name]: 'not known', [recovery.name]: 'not known' };
  return [{ part: 'names', what: 'what follows the primary', wanted, current: opened, problems: [opened.why] }];
}

async function factsOf(movable: Movable, group: FailoverGroup): Promise<MovableFacts> {
  const { part, what, site } = movable;
  const [current, problems] = await Promise.all([
    knownInTime(movableMs, (signal) => movable.read(signal)),
    knownInTime(movableMs, (signal) => movable.check(signal)),
  ]);
  const wanted = Object.fromEntries(sitesOf(group).map(({ name }) => [name, movable.wanted(name)]));
  const why = problems.known ? problems.value : [problems.why];
  return { part, what, site, wanted, current, problems: why.map((one) => oneLine(one, 300)) };
}
