import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RebuildFailed } from '#failover/failures';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { rebuildLocal } from '../../tasks/rebuild-local.ts';
import type { LocalRebuild } from '../../tasks/rebuild-work.ts';
import { askSite } from '../../tasks/standby-primary.ts';

let [primary, own]: TestServer[] = [];
before(async () => {
  primary = await TestServer.create(embeddedInstallation());
  own = await TestServer.create(embeddedInstallation());
});
after(async () => {
  await primary?.remove();
  await own?.remove();
});

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const slots = () => primary!.value('select count(*) from pg_replication_slots');

test('right before the server is stopped it is looked again, and a refusal then leaves all as it was', async () => {
  const connection = { ...primary!.connection, sslmode: 'disable' as const };
  const work = {
    ...{
      dataDir: own!.dataDir,
      planPath: '/plan.yml',
      source: { name: 'orders' },
      environment: {},
      account: undefined,
      log,
    },
    ...{
      site: { name: 'east' },
      other: { name: 'west', server: { connection } },
      signal: new AbortController().signal,
    },
  } as unknown as LocalRebuild;
  const says = await askSite(connection, {});
  let reserved = '';
  const lookAgain = async () => {
    reserved = await slots();
    throw new RebuildFailed('somebody has made it the primary', { operation: 'rebuild standby', subject: 'east' });
  };
  const rebuild = rebuildLocal(work, { ...says, history: { timeline: 1, ancestors: [] } }, lookAgain);
  await assert.rejects(rebuild, { name: 'RebuildFailed', message: /somebody has made it the primary/ });
  assert.equal(await own!.value('select 1'), '1', 'it runs on');
  assert.deepEqual([reserved, await slots()], ['1', '0'], 'the primary keeps WAL for nobody');
});
