import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { installations } from './postgres-installations.ts';
import { ReplicatedPair } from './replicated-pair.ts';

for (const installation of installations()) {
  test(`a pair streams, stops, dies and comes back, and leaves nothing: ${installation.name}`, async (t) => {
    const pair = await ReplicatedPair.create(installation, { settings: { work_mem: '5MB' } });
    t.after(() => pair.remove());
    const { east, west } = pair;

    await east.query('create table orders (id int); insert into orders select generate_series(1, 100)');
    await pair.untilCaughtUp();
    assert.equal(await west.value('select count(*) from orders'), '100');
    assert.equal(await west.value('show work_mem'), '5MB');
    await assert.rejects(west.query('insert into orders values (0)'), /read-only transaction/);

    await west.stop();
    assert.equal(west.running(), false);
    await east.query('insert into orders values (101)');
    await east.kill();
    assert.deepEqual([east.running(), east.postmaster()], [false, undefined]);
    await Promise.all([west.start(), east.start()]);
    await pair.untilCaughtUp();
    assert.equal(await west.value('select count(*) from orders'), '101');

    await pair.remove();
    assert.equal(existsSync(pair.folder), false);
    assert.equal(east.running() || west.running(), false);
  });
}
