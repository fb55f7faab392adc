import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withReservedWal } from '../../tasks/reserved-wal.ts';

const told: unknown[] = [];
const log = { info: () => undefined, error: () => undefined, warn: (_: string, what?: object) => void told.push(what) };

function slotOf({ made = true, streams = false }: { made?: boolean; streams?: boolean } = {}) {
  told.length = 0;
  const slot = {
    name: 'lifeboat_east',
    there: !made,
    async keep() {
      slot.there = true;
      return made;
    },
    async drop() {
      if (streams) throw new Error('it is active for PID 7');
      slot.there = false;
    },
  };
  return slot;
}
const fails = async () => {
  throw new Error('no backup leads to it');
};

test('a rebuild that fails leaves no slot that it made: nobody would read from it', async () => {
  const slot = slotOf();
  await assert.rejects(withReservedWal({ slot, log }, fails), /no backup leads to it/);
  assert.deepEqual([slot.there, told], [false, []]);
});

test('one that was there before stays, and is told; so does one that cannot be dropped, and one that is still needed', async () => {
  for (const [slot, goesOn, why] of [
    [slotOf({ made: false }), false, 'it was there before'],
    [slotOf({ streams: true }), false, 'it is active for PID 7'],
    [slotOf(), true, 'the rebuild goes on'],
  ] as const) {
    told.length = 0;
    await assert.rejects(withReservedWal({ slot, log, goesOn: () => goesOn }, fails), /no backup leads to it/);
    assert.deepEqual([slot.there, told], [true, [{ slot: 'lifeboat_east', why }]]);
  }
});

test('what is done keeps it', async () => {
  const slot = slotOf();
  assert.equal(await withReservedWal({ slot, log }, async () => 'streams'), 'streams');
  assert.equal(slot.there, true);
});
