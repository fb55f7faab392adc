import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countBroken } from './invariants.ts';
import type { RunOutcome } from './random-moves.ts';

/* `npm run invariants -- --runs 300` does this for longer, with numbers of its own. */

test('random moves with random bad luck make never two primaries, lose nothing that was acknowledged, and leave the evidence whole', async () => {
  const outcomes: RunOutcome[] = [];
  const tally = await countBroken({ runs: 4, seed: 10 }, (outcome) => outcomes.push(outcome));
  assert.deepEqual(tally, { runs: 4, twoPrimaries: 0, lostRows: 0, evidenceBroken: 0 }, JSON.stringify(outcomes));
});
