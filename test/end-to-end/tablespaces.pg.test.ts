import assert from 'node:assert/strict';
import { existsSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installations } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import { ProtectedSource } from '#harness/protected-source';
import { readTree } from '#harness/unpacked-backup';
import { InputInvalid } from '#model/failure';
import type { Manifest } from '#model/manifest';

for (const installation of installations()) {
  describe(`${installation.name} with two tablespaces`, () => {
    let source: ProtectedSource;
    let newest: Manifest;
    const folders: string[] = [];
    const places = { fast: newFolder(), slow: newFolder() };

    function newFolder(): string {
      const folder = serverFolder('lifeboat-space-');
      folders.push(folder);
      return folder;
    }

    before(async () => {
      source = await ProtectedSource.create(installation, { initdb: ['--wal-segsize=1'] });
      const { server } = source;
      for (const [name, place] of Object.entries(places)) {
        await server.query(`create tablespace ${name} location '${place}'`);
      }
      await server.query(`
        create table fast_one (n int) tablespace fast; insert into fast_one select generate_series(1, 1000);
        create table slow_one (n int) tablespace slow; insert into slow_one select generate_series(1, 1000);
        create table plain (n int); insert into plain values (1)`);
      newest = (await source.backup('full')).manifest;
      const receiver = await source.receive();
      await server.query('delete from fast_one where n % 2 = 0; insert into slow_one values (0)');
      if (installation.major >= 17) newest = (await source.backup('incr')).manifest;
      await server.query('insert into fast_one values (-1); create table late (n int) tablespace slow');
      await receiver.hasStored();
      await receiver.end();
    });
    after(async () => {
      await source?.remove();
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    });

    test('is restored to other places and started there', async () => {
      const moved = { fast: join(newFolder(), 'fast'), slow: newFolder() };
      const oid = newest.tablespaces.find(({ location }) => location === places.slow)!.oid;
      const tablespaces = [`${places.fast}=${moved.fast}`, `${oid}=${moved.slow}`];
      const before = readTree(places.fast);
      const { server, dataDir, record } = await source.restore({}, { tablespaces, workers: 2 });
      assert.equal(record.chain.length, installation.major >= 17 ? 2 : 1);
      assert.equal(readlinkSync(join(dataDir, 'pg_tblspc', oid)), moved.slow);
      await server.start();
      const ask = async (question: string) => {
        const answers = [await server.value(question), await source.server.value(question)];
        assert.equal(answers[0], answers[1], question);
        return answers[0];
      };
      assert.equal(await ask("select count(*) || ' ' || sum(n) from fast_one"), '501 249999');
      assert.equal(await ask("select count(*) || ' ' || sum(n) from slow_one"), '1001 500500');
      assert.equal(await ask('select count(*) from plain'), '1');
      assert.equal(await ask('select count(*) from late'), '0');
      const where = 'select pg_tablespace_location(oid) from pg_tablespace where spcname = ';
      assert.equal(await server.value(`${where}'fast'`), moved.fast);
      assert.equal(await server.value(`${where}'slow'`), moved.slow);
      await server.query('insert into fast_one values (7777); create table more tablespace slow as select 1');
      await server.query('checkpoint');
      await source.server.query('checkpoint');
      assert.deepEqual([...readTree(places.fast).keys()], [...before.keys()], "the source's place is not touched");
      assert.equal(await source.server.value('select count(*) from fast_one where n = 7777'), '0');
    });

    test('is refused before anything is touched where a tablespace has its old place, which is taken', async () => {
      for (const tablespaces of [[], [`${places.fast}=${join(newFolder(), 'fast')}`]]) {
        const before = Object.values(places).map((place) => readTree(place));
        const dataDir = source.freshDataDir();
        await assert.rejects(source.restore({}, { tablespaces, dataDir }), (failure: InputInvalid) => {
          assert.ok(failure instanceof InputInvalid, String(failure));
          assert.match(failure.message, tablespaces.length === 0 ? /lifeboat-space-/ : new RegExp(places.slow));
          return true;
        });
        assert.equal(existsSync(dataDir), false);
        assert.deepEqual(
          Object.values(places).map((place) => readTree(place)),
          before,
        );
      }
    });

    test("is refused though the old places may be set aside: they are a running server's", async () => {
      const dataDir = source.freshDataDir();
      await assert.rejects(source.restore({}, { dataDir, setAside: true }), /without a running server/);
      assert.equal(existsSync(dataDir), false);
      assert.equal(await source.server.value('select count(*) from slow_one'), '1001');
    });

    test('is refused where a mapping names no tablespace, a relative place, or one place twice', async () => {
      const { fast, slow } = places;
      for (const tablespaces of [[`/nowhere=/tmp/x`], [`${fast}=here`], [`${fast}=${slow}`]]) {
        await assert.rejects(source.restore({}, { tablespaces }), InputInvalid, tablespaces.join());
      }
    });
  });
}
