import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readDump } from '#catalog/dumps';
import { machineInstallation } from '#harness/postgres-installations';
import { ProtectedSource } from '#harness/protected-source';
import { assertWorked, TaskRunner } from '#harness/run-task';
import type { DumpManifest } from '#model/dump-manifest';
import { dumpResultSchema } from '#model/task-result';

const run = promisify(execFile);
const decoder = fileURLToPath(new URL('decode.py', import.meta.url));

describe('a decoder written from docs/format.md alone', () => {
  let source: ProtectedSource;
  let manifest: DumpManifest;

  before(async () => {
    source = await ProtectedSource.create(machineInstallation(), { settings: { autovacuum: 'off' } });
    const { server } = source;
    await server.query('create role keeper');
    await server.query(`create database "größe / 数据" owner keeper`);
    await server.query(`create table noise as select i, md5(i::text) as filler from generate_series(1, 150000) i`);
    manifest = await dump(source.planPath, source.bucket);
  });
  after(() => source?.remove());

  async function dump(planPath: string, bucket: string): Promise<DumpManifest> {
    const tasks = new TaskRunner({ planPath, bucket });
    const input = { source: 'orders', requestedBy: 'test' };
    const result = dumpResultSchema.parse(assertWorked(await tasks.run('dump', { input })));
    return readDump(source.vault.store, 'orders', result.dump);
  }

  const decode = async (to: string, key: string) => {
    const out = join(source.folder, to);
    const keys = ['--key-file', join(source.folder, key)];
    const { stdout } = await run('/usr/bin/python3', [
      decoder,
      '--dump',
      source.bucket,
      'orders',
      manifest.dump,
      out,
      ...keys,
    ]);
    return { out, stdout };
  };

  it('makes of an encrypted dump what pg_restore reads, and the roles', async () => {
    const { out, stdout } = await decode('decoded', 'key');
    assert.deepEqual(stdout.trim().split('\n').sort(), ['0000 größe / 数据', '0001 postgres']);
    for (const [place, { sha256 }] of manifest.databases.entries()) {
      const archive = readFileSync(join(out, `000${place}.dump`));
      assert.equal(createHash('sha256').update(archive).digest('hex'), sha256);
    }
    const restore = join(source.server.installation.binDir, 'pg_restore');
    const sql = join(source.folder, 'postgres.sql');
    await run(restore, ['--file', sql, join(out, '0001.dump')]);
    assert.match(readFileSync(sql, 'utf8'), /^150000\t[0-9a-f]{32}$/m);
    assert.match(readFileSync(join(out, 'globals.sql'), 'utf8'), /CREATE ROLE keeper;/);
  });

  it('refuses a part of which a bit has changed', async () => {
    const path = join(source.bucket, 'orders', 'dumps', manifest.dump, '0001.dump.000000');
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    await assert.rejects(
      decode('changed', 'key'),
      /0001\.dump\.000000: has not the length and SHA-256 of the manifest/,
    );
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
  });

  it('reads an unencrypted dump, as cat, zstd and pg_restore do', async () => {
    const planPath = join(source.folder, 'plain.yml');
    writeFileSync(planPath, readFileSync(source.planPath, 'utf8').replace(/^encryption: .*$/m, 'encryption: none'));
    const plain = await dumpPlain(planPath);
    const folder = join(source.bucket, 'orders', 'dumps', plain.dump);
    const restore = join(source.server.installation.binDir, 'pg_restore');
    const { stdout } = await run('sh', ['-c', `cat ${folder}/0001.dump.* | zstd -d | ${restore} --list`]);
    assert.match(stdout, /TABLE DATA public noise postgres/);
  });

  async function dumpPlain(planPath: string): Promise<DumpManifest> {
    const tasks = new TaskRunner({ planPath, bucket: source.bucket });
    const ended = await tasks.run('dump', { input: { source: 'orders', requestedBy: 'test' }, execution: 'plain' });
    return readDump(source.vault.store, 'orders', dumpResultSchema.parse(assertWorked(ended)).dump);
  }
});
