import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { verifyEvidence } from '#catalog/verify-evidence';
import { ranFromCopy } from '#harness/reachable-checkout';
import { FailoverWorld } from './failover-world.ts';
import { type RunOutcome, randomMove } from './random-moves.ts';

/*
 * `npm run invariants -- --runs 300 --json`: random moves of two real servers with random bad luck, under clients that write to
 * both all the time. What may never happen is counted; the last line is
 * {"runs", "twoPrimaries", "lostRows", "evidenceBroken"}, and the exit code is 1 unless the last three are 0.
 */

export interface Tally {
  runs: number;
  /** rows that a server took while the other one was the primary */
  twoPrimaries: number;
  /** rows that were acknowledged, and were gone after a move without loss */
  lostRows: number;
  evidenceBroken: number;
}

/** `each` hears of every run. @throws when the servers cannot be brought back to one primary and a standby */
export async function countBroken(
  { runs, seed }: { runs: number; seed: number },
  each: (outcome: RunOutcome, tally: Tally) => void = () => undefined,
): Promise<Tally> {
  const world = await FailoverWorld.create();
  const tally: Tally = { runs: 0, twoPrimaries: 0, lostRows: 0, evidenceBroken: 0 };
  try {
    for (let run = 0; run < runs; run++) {
      const outcome = await randomMove(world, seed + run);
      const evidence = await verifyEvidence(world.vault.store);
      tally.runs++;
      tally.twoPrimaries = world.watch.byTwoPrimaries.length;
      tally.lostRows += outcome.lostRows.length;
      if (!evidence.ok) tally.evidenceBroken++;
      each(outcome, tally);
    }
    return tally;
  } finally {
    await world.remove();
  }
}

/** Pairs of servers at work at the same time: each waits most of the time. */
const mostLanes = 4;

/** The same in several processes, each with servers of its own; their lines come as they are told. @throws when one fails */
async function countInLanes({ runs, seed }: { runs: number; seed: number }): Promise<Tally> {
  const shares = Array.from({ length: mostLanes }, (_, lane) => Math.floor((runs + lane) / mostLanes));
  let next = seed;
  const lanes = shares.map(async (share) => {
    const begin = next;
    next += share;
    const args = [import.meta.filename, '--one-lane', '--json', '--runs', String(share), '--seed', String(begin)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [chunks, [code]] = await Promise.all([child.stdout.toArray(), once(child, 'close')]);
    const last = Buffer.concat(chunks as Buffer[])
      .toString()
      .trim();
    if (last === '') throw new Error(`the lane from seed ${begin} ended with ${code}, before it could count`);
    return JSON.parse(last) as Tally;
  });
  const tallies = await Promise.all(lanes);
  const sum = (field: keyof Tally) => tallies.reduce((all, one) => all + one[field], 0);
  return {
    runs: sum('runs'),
    twoPrimaries: sum('twoPrimaries'),
    lostRows: sum('lostRows'),
    evidenceBroken: sum('evidenceBroken'),
  };
}

function showRun({ seed, move, luck, ends, lostRows }: RunOutcome, { twoPrimaries }: Tally): void {
  const bad = lostRows.length > 0 || twoPrimaries > 0 ? ` LOST ${lostRows.length} TWO PRIMARIES ${twoPrimaries}` : '';
  process.stderr.write(`seed ${seed} ${move} (${luck.join(', ')}): ${ends.join('; ')}${bad}\n`);
}

if (import.meta.main && !(await ranFromCopy(import.meta.filename))) {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      json: { type: 'boolean', default: false },
      'one-lane': { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  const seed = Number(values.seed);
  if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed)) {
    process.stderr.write('--runs: a whole number from 1, --seed: a whole number\n');
    process.exit(2);
  }
  const begunMs = performance.now();
  const alone = values['one-lane'] || runs < mostLanes;
  const tally = await (alone ? countBroken({ runs, seed }, showRun) : countInLanes({ runs, seed }));
  const seconds = Math.round((performance.now() - begunMs) / 1000);
  process.stderr.write(`${tally.runs} runs from seed ${seed} in ${seconds} s\n`);
  process.stdout.write(
    values.json
      ? `${JSON.stringify(tally)}\n`
      : `${tally.runs} moves: ${tally.twoPrimaries} rows by two primaries, ${tally.lostRows} rows lost, ${tally.evidenceBroken} times broken evidence\n`,
  );
  process.exitCode = tally.twoPrimaries + tally.lostRows + tally.evidenceBroken > 0 ? 1 : 0;
}
