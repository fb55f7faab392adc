import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import { machineInstallation, serverAccount } from '#harness/postgres-installations';
import type { TestServer } from '#harness/postgres-server';
import { type Ended, lifeboatProgram } from '#harness/run-lifeboat';
import { assertRefused, filesBelow, newFolder, newServer, onceOver, standing, Vessel } from './bad-scene.ts';

/** Where backups shall rest: not there, not writable, full. */
let server: TestServer;
before(async () => {
  server = await newServer(machineInstallation(), { initdb: ['--wal-segsize=1'] });
});

describe('a bucket', () => {
  test('that is not there is not made by a backup, since nobody would find it again', async () => {
    const vessel = new Vessel(server);
    rmSync(vessel.bucket, { recursive: true });
    for (const command of ['backup', 'backups', 'window', 'verify']) {
      assertRefused(await vessel.run([command]), {
        exitCode: 5,
        message: /open .*bucket: there is no such directory/,
        hint: /mkdir -m 700 /,
      });
    }
    assert.ok(!existsSync(vessel.bucket));
    mkdirSync(vessel.bucket, { mode: 0o700 });
    assert.match(await vessel.backup(), /-full$/);
  });

  test('that is a file is refused and kept', async () => {
    const vessel = new Vessel(server);
    rmSync(vessel.bucket, { recursive: true });
    writeFileSync(vessel.bucket, 'not a bucket');
    assertRefused(await vessel.run(['backup']), {
      exitCode: 5,
      message: /open .*bucket: there is no such directory/,
      hint: /./,
    });
    assert.equal(standing(vessel.folder).filter((line) => line.startsWith('bucket ')).length, 1);
  });

  test('that may not be written is told to whoever runs it, and read as before', async () => {
    const vessel = new Vessel(server);
    const id = await vessel.backup();
    const before = vessel.objects();
    spawnSync('chmod', ['-R', 'a-w', vessel.bucket]);
    const ended = await asServerAccount(vessel, ['backup']);
    assertRefused(ended, { exitCode: 5, message: /EACCES/, hint: /right to read and write the bucket/ });
    assert.deepEqual(vessel.objects(), before);
    assert.match((await asServerAccount(vessel, ['backups'])).stdout, new RegExp(`${id} +committed`));
    assert.equal((await asServerAccount(vessel, ['verify'])).exitCode, 0);
    spawnSync('chmod', ['-R', 'u+w', vessel.bucket]);
    assert.equal((await asServerAccount(vessel, ['backup'])).exitCode, 0);
  });

  test('that may not be read is told, too', async () => {
    const vessel = new Vessel(server);
    chmodSync(vessel.bucket, 0o000);
    for (const command of ['backups', 'backup']) {
      assertRefused(await asServerAccount(vessel, [command]), {
        exitCode: 5,
        message: /EACCES/,
        hint: /right to read and write the bucket/,
      });
    }
  });

  test('that is full keeps what it has, says so, and takes the next backup once there is room', async (t) => {
    const folder = newFolder();
    const bucket = join(folder, 'small');
    mkdirSync(bucket);
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=5m', 'tmpfs', bucket], { encoding: 'utf8' });
    if (mount.status !== 0) return t.skip(`a small disk cannot be mounted here: ${mount.stderr}`);
    onceOver(() => spawnSync('umount', [bucket]));
    const vessel = new Vessel(server, { bucket }, folder);
    const first = await vessel.backup();
    const ended = await vessel.run(['backup']);
    assertRefused(ended, { exitCode: 5, message: /ENOSPC/, hint: /disk is full/ });
    assert.deepEqual(vessel.manifests(), [`orders/backups/${first}/manifest.json`]);
    assert.equal((await vessel.run(['verify', first])).exitCode, 0);
    assert.deepEqual(filesBelow(join(bucket, '.lifeboat', 'uploads')), [], 'no half upload keeps the disk full');
    spawnSync('mount', ['-o', 'remount,size=50m', bucket]);
    assert.match(await vessel.backup(), /-full$/);
  });
});

/** For root every folder is writable: so by the account that runs the servers, which is nobody's special. */
async function asServerAccount(vessel: Vessel, args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [lifeboatProgram, ...args, '--plan', vessel.planPath], {
    cwd: vessel.folder,
    env: { PATH: process.env.PATH ?? '', HOME: vessel.folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...serverAccount,
  });
  const [[exitCode, signal], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { exitCode, signal, stdout, stderr };
}
