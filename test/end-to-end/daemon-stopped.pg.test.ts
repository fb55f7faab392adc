import assert from 'node:assert/strict';
import { chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readEvidence } from '#catalog/evidence';
import { holdLease } from '#catalog/execution-lease';
import { TestDaemon } from '#harness/daemon';
import { until } from '#harness/daemon-process';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { Evidence } from '#model/evidence';

/** A group whose second site is empty: a move there would restore, and asks before. */
function planOf({ connection, dataDir }: TestServer, elsewhere: string) {
  const site = (place: object, at: string) => ({
    server: { kind: 'postgres', connection: place, control: { kind: 'local', dataDir: at } },
  });
  const away = { host: '127.0.0.1', port: 1, user: 'postgres' };
  return {
    approvers: [{ name: 'Ada' }],
    failover: {
      shop: { source: 'orders', home: 'east', sites: { east: site(connection, dataDir), west: site(away, elsewhere) } },
    },
  };
}

describe('an execution that somebody stops', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    daemon = new TestDaemon(server);
    daemon.writePlan({ plan: planOf(server, join(daemon.folder, 'west')) });
    await daemon.start();
    await daemon.succeeded(await daemon.machines.start('backup', { source: 'orders' }, 'the-backup'));
    await daemon.untilStored();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  const of = async (arn: string): Promise<Evidence[]> => {
    const all = await Array.fromAsync(readEvidence(await daemon.store));
    return all.filter(({ execution }) => execution === arn);
  };
  const askedMove = async (name: string) => {
    const input = { group: 'shop', to: 'west', requestedBy: 'Grace' };
    const arn = await daemon.machines.start('failover', input, name);
    await daemon.question(arn);
    return arn;
  };

  test('is recorded with who stopped it and why, and told with what it may leave', async () => {
    const arn = await askedMove('by-hand');
    const { exitCode, stdout, stderr } = await daemon.run(['stop', 'by-hand', '--reason', 'not tonight']);
    assert.equal(exitCode, 0, stderr);
    assert.match(
      stdout,
      /^by-hand is stopped\nwhat it had begun .* the old primary may be fenced, and no other one promoted$/m,
    );
    assert.match(stdout, /^ {2}look: .*lifeboat groups shop/m);
    assert.match(stdout, /^ {2}lead on: .*lifeboat failover shop/m);
    const [record, ...more] = await of(arn);
    assert.deepEqual(more, []);
    assert.partialDeepStrictEqual(record, { id: `${arn} not moved`, outcome: 'stopped', source: 'orders' });
    assert.match(record!.what, /^failover of shop, which Grace asked for, was stopped by \S+: not tonight$/);
    assert.ok(record!.what.includes(` by ${record!.who}: `));
    assert.match((await daemon.run(['evidence'])).stdout, /stopped +failover of shop/);
  });

  test('moves nothing any more, though it holds the lease yet', async () => {
    const arn = await askedMove('on-its-way');
    const now = new Date();
    await holdLease(await daemon.store, 'orders', 'failover', { execution: arn, host: 'h', pid: 1, now });
    const account = serverAccount;
    if (account) chownSync(join(daemon.bucket, 'orders/leases/failover%'), account.uid, account.gid);
    assert.match((await daemon.run(['groups'])).stdout, /^ {2}moves +on-its-way on h/m);
    await daemon.run(['stop', 'on-its-way']);
    assert.doesNotMatch((await daemon.run(['groups'])).stdout, /moves|ASKED/);
  });

  test('is recorded by the next daemon when the bucket did not take it, and no second time', async () => {
    const { arn, name } = await daemon.askedRestore({ to: join(daemon.folder, 'copy') });
    const evidence = join(daemon.bucket, 'evidence');
    chmodSync(evidence, 0o500);
    const { exitCode, stdout } = await daemon.run(['stop', name]);
    assert.deepEqual([exitCode, stdout], [0, `${name} is stopped\n`]);
    await until('that is told', () => daemon.log.includes(`the end of restore ${name} is not in the evidence yet`));
    assert.deepEqual(await of(arn), []);
    chmodSync(evidence, 0o755);
    for (const _ of ['once', 'again']) {
      await daemon.stop();
      await daemon.start();
      await until('it is recorded', async () => (await of(arn)).length > 0);
    }
    const all = await Array.fromAsync(readEvidence(await daemon.store));
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
    assert.equal((await of(arn))[0]!.id, `${arn} not restored`);
  });
});
