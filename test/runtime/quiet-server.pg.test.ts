import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { controlSql } from '#runtime/control-sql';

let server: TestServer;
before(async () => {
  server = await TestServer.create(embeddedInstallation(), { settings: { max_prepared_transactions: '5' } });
  await server.query('create table orders (id int)');
});
after(() => server.remove());
afterEach(async () => {
  await server.query('alter system reset default_transaction_read_only');
  await server.query('select pg_reload_conf()');
});

const { signal } = new AbortController();
const control = () => controlSql({ ...server.connection, sslmode: 'disable' }, {});
const readOnly = () =>
  server.value("select count(*) from pg_file_settings where name = 'default_transaction_read_only'");

test('gently it is refused while a prepared transaction may yet be committed, before anything is changed', async () => {
  await server.query("begin; insert into orders values (1); prepare transaction 'order-1'");
  await assert.rejects(control().fence({ gently: true, signal }), {
    name: 'FenceFailed',
    message: /1 prepared transactions may yet be committed/,
    hint: /pg_prepared_xacts/,
  });
  assert.equal(await readOnly(), '0');
  assert.equal((await control().fence({ gently: false, signal })).strength, 'soft', 'in a hurry it is no worse');
  await server.query("commit prepared 'order-1'"); // read-only or not: why it is refused
  assert.equal(await server.value('select count(*) from orders'), '1');
});

test('what a subscription applies goes on behind it, so it is none', async () => {
  await server.query("create subscription feed connection 'host=/nowhere' publication feed with (connect = false)");
  await control().fence({ gently: true, signal });
  await server.query('begin read write; alter subscription feed enable; commit');
  const { fence } = await control().look(signal);
  assert.equal(fence.fenced, false);
  assert.match(fence.how, /1 subscriptions write all the same/);
  for (const gently of [true, false])
    await assert.rejects(control().fence({ gently, signal }), { name: 'FenceFailed', hint: /alter subscription/ });
  await server.query(
    'begin read write; alter subscription feed disable; alter subscription feed set (slot_name = none); drop subscription feed; commit',
  );
});
