import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '#harness/daemon';
import { embeddedInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { httpServer } from '../runtime/http-server.ts';
import { parseExposition } from '../runtime/parse-exposition.ts';

let answers = true;
const gateway = await httpServer((_, response) => response.writeHead(answers ? 200 : 503).end());

describe('a daemon with a Pushgateway', { timeout: 300_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    daemon = new TestDaemon(server, {
      plan: { metrics: { pushgateway: 'env:PUSHGATEWAY', job: 'nightly' } },
      environment: { PUSHGATEWAY: gateway.url },
    });
    await daemon.start();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  /** Of the source, the last one of each name. */
  const pushed = (): Record<string, number> =>
    Object.fromEntries(
      gateway.received
        .filter(({ url }) => url === '/metrics/job/nightly/source/orders')
        .flatMap(({ body }) => [...parseExposition(body)].map(([name, { samples }]) => [name, samples[0]!.value])),
    );

  test('pushes what a backup, its verification, its drill and the watch have measured', async () => {
    await daemon.provenBackup();
    // as the clock does each minute
    await daemon.machines.invoke('watch', {});
    const numbers = pushed();
    assert.ok(numbers.lifeboat_backup_raw_bytes! > 1e6, JSON.stringify(numbers));
    assert.ok(numbers.lifeboat_backup_ratio! > 1);
    assert.equal(numbers.lifeboat_backup_verified, 1);
    assert.equal(numbers.lifeboat_drill_proven, 1);
    assert.ok(numbers.lifeboat_drill_seconds! > 0);
    assert.equal(numbers.lifeboat_restorable, 1);
    assert.ok(numbers.lifeboat_rpo_seconds! < 60);
    // of every object that arrives: too many
    assert.equal(numbers.lifeboat_object_verified, undefined);
    assert.ok(gateway.received.some(({ url }) => url === '/metrics/job/nightly'));
  });

  test('is as good without one that answers, and says so', async () => {
    answers = false;
    await daemon.provenBackup();
    assert.match(daemon.log, /metrics were not pushed: HTTP status 503/);
    assert.doesNotMatch(daemon.log, new RegExp(gateway.url));
  });
});
