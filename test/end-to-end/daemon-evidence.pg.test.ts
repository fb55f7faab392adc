import assert from 'node:assert/strict';
import { chownSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readEvidence } from '#catalog/evidence';
import { TestDaemon } from '#harness/daemon';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import type { Evidence } from '#model/evidence';
import { createSigningKey, publicKeyPath } from '#runtime/signing-key';

describe('a daemon with a signing key', { timeout: 400_000 }, () => {
  let server: TestServer;
  let daemon: TestDaemon;
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    daemon = new TestDaemon(server, {
      plan: { evidence: { signingKey: './evidence.key' } },
      source: { checks: [{ name: 'one', query: 'select 1', expect: 1 }] },
    });
    const key = join(daemon.folder, 'evidence.key');
    await createSigningKey(key);
    const account = serverAccount;
    if (account) for (const path of [key, publicKeyPath(key)]) chownSync(path, account.uid, account.gid);
    await daemon.start();
  });
  after(async () => {
    await daemon?.remove();
    await server?.remove();
  });

  const recorded = async (kind: string): Promise<Evidence> => {
    const all = await Array.fromAsync(readEvidence(await daemon.store));
    return all.findLast(({ details }) => details?.kind === kind) ?? assert.fail(JSON.stringify(all));
  };

  test('records where a backup lies and how it was proven, and signs that', async () => {
    await daemon.provenBackup();
    const backup = await recorded('backup');
    assert.ok(backup.details?.kind === 'backup');
    const { object, storedAt, bytes } = backup.details;
    assert.equal(storedAt, `${daemon.bucket}/orders/backups/${object}/`);
    assert.ok(bytes! > 1e6 && backup.durationMs! > 0);
    assert.equal(backup.from, hostname());
    const drill = await recorded('drill');
    assert.ok(drill.details?.kind === 'drill');
    assert.deepEqual([drill.details.from, drill.details.verification?.slice(0, 6)], [object, 'proven']);
    assert.equal((await recorded('verification')).source, 'orders');
    // as the clock does each day
    await daemon.machines.invoke('sign-evidence', {});
    const { ok, records, heads } = await daemon.ask<{ ok: boolean; records: number; heads: Record<string, unknown> }>(
      'evidence',
      'verify',
    );
    assert.deepEqual([ok, heads.trusted, (heads.newest as { sequence: number }).sequence], [true, true, records]);
  });

  test('what a person does without asking it is recorded, too, however it ends', async () => {
    const { backup } = await daemon.ask('backup', '--direct', '--requested-by', 'Ada');
    const direct = await recorded('backup');
    assert.deepEqual(
      [direct.who, direct.from, direct.execution, direct.outcome],
      ['Ada', hostname(), null, 'succeeded'],
    );
    assert.equal(direct.details?.kind === 'backup' && direct.details.object, backup);
    const to = join(daemon.folder, 'restored');
    const binDir = ['--bin-dir', server.installation.binDir];
    const ended = await daemon.run(['restore', '--direct', '--to', to, ...binDir, '--requested-by', 'Ada']);
    assert.equal(ended.exitCode, 0, `${ended.stdout}${ended.stderr}`);
    const { details, planHash, approval } = await recorded('restore');
    assert.ok(details?.kind === 'restore');
    assert.deepEqual([details.to, details.verification, approval], [to, 'checks: 5 of 5', null]);
    assert.match(planHash!, /^[0-9a-f]{64}$/);
    const again = await daemon.run(['restore', '--direct', '--to', to, ...binDir]);
    assert.notEqual(again.exitCode, 0);
    assert.equal((await recorded('restore')).outcome, 'failed');
    const { stdout } = await daemon.run(['evidence', 'export', '--what', 'restores', '--format', 'json']);
    const outcomes = JSON.parse(stdout).rows.map(({ kind, outcome }: Record<string, string>) => `${kind} ${outcome}`);
    assert.deepEqual(outcomes.slice(-2), ['restore succeeded', 'restore failed']);
  });
});
