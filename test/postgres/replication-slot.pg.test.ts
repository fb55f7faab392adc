import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { installations } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { LeaseHeld, ServerUnsuitable, WalBroken } from '#model/failure';
import { identifySystem } from '#postgres/identify-system';
import { ReplicationConnection } from '#postgres/replication-connection';
import { createSlot, readSlot } from '#postgres/replication-slot';
import { WalStream } from '#postgres/stream-wal';

for (const installation of installations()) {
  describe(installation.name, () => {
    let server: TestServer;
    const connections: ReplicationConnection[] = [];
    before(async () => {
      server = await TestServer.create(installation, {
        initdb: ['--wal-segsize=2'],
        settings: { max_replication_slots: '3', wal_level: 'logical' },
      });
    });
    after(async () => {
      for (const connection of connections) await connection.close();
      await server.remove();
    });

    async function connect(): Promise<ReplicationConnection> {
      const connection = await ReplicationConnection.open(server.connection);
      connections.push(connection);
      return connection;
    }

    test('the system is told with its segment size', async () => {
      const system = await identifySystem(await connect());
      assert.equal(system.systemId, await server.value('select system_identifier::text from pg_control_system()'));
      assert.equal(system.segmentSize, 2 << 20);
      assert.equal(system.timeline, 1);
    });

    test('a slot is not there, then made, and found again by a second one who wants to make it', async () => {
      const connection = await connect();
      assert.equal(await readSlot(connection, 'lifeboat'), undefined);
      const made = await createSlot(connection, 'lifeboat', 'permanent');
      assert.equal(made.timeline, 1);
      assert.deepEqual(await createSlot(connection, 'lifeboat', 'permanent'), made);
      assert.deepEqual(await readSlot(connection, 'lifeboat'), made);
    });

    test('a slot that somebody streams from is held', async () => {
      const slot = await createSlot(await connect(), 'lifeboat', 'permanent');
      const stream = async () => {
        const options = { slot: 'lifeboat', timeline: 1, start: slot.lsn, onWal: () => undefined };
        return new WalStream(await connect(), options);
      };
      const [first, second] = [await stream(), await stream()];
      const running = first.run();
      while ((await server.value('select active::text from pg_replication_slots')) !== 'true');
      await assert.rejects(second.run(), LeaseHeld);
      first.stop();
      assert.deepEqual(await running, { kind: 'stopped' });
    });

    test('a position that the server does not have any more breaks the WAL', async () => {
      await server.query('select pg_switch_wal(); checkpoint');
      await server.query('create table if not exists x (); select pg_switch_wal()');
      await server.query("select pg_drop_replication_slot('lifeboat')");
      for (let i = 0; i < 2; i++) await server.query('checkpoint');
      const stream = new WalStream(await connect(), {
        slot: undefined,
        timeline: 1,
        start: 0n as never,
        onWal: () => undefined,
      });
      await assert.rejects(stream.run(), (failure: WalBroken) => {
        assert.ok(failure instanceof WalBroken, `${failure}`);
        assert.match(failure.message, /already been removed/);
        return true;
      });
    });

    test('a slot without a position, as an invalidated one is, breaks the WAL', async () => {
      await server.query("select pg_create_physical_replication_slot('unreserved')");
      await assert.rejects(readSlot(await connect(), 'unreserved'), WalBroken);
      await server.query("select pg_drop_replication_slot('unreserved')");
    });

    test('a logical slot is not taken for ours', async () => {
      await server.query("select pg_create_logical_replication_slot('logical', 'pgoutput')");
      await assert.rejects(readSlot(await connect(), 'logical'), ServerUnsuitable);
      await server.query("select pg_drop_replication_slot('logical')");
    });

    test('a server without room for a slot says how to make some', async () => {
      const connection = await connect();
      for (const name of ['a', 'b', 'c']) await createSlot(connection, name, 'permanent');
      await assert.rejects(createSlot(connection, 'd', 'permanent'), (failure: ServerUnsuitable) => {
        assert.ok(failure instanceof ServerUnsuitable);
        assert.match(failure.hint!, /max_replication_slots/);
        return true;
      });
    });
  });
}
