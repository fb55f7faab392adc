import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { embeddedInstallation, type Installation, machineInstallation } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import { ProtectedSource } from '#harness/protected-source';
import { ReferencePrograms, runProgram } from '#harness/reference-programs';
import { differences, readTree, serverManifest, tablespaceBeside, unpackBackup } from '#harness/unpacked-backup';
import type { Manifest } from '#model/manifest';
import { releaseControlFile, restoreChain } from '#recovery/restore-chain';
import { planLayout } from '#recovery/restore-layout';
import { PartWorkers } from '#tasks/part-workers';

const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function scratch(): string {
  const folder = serverFolder('lifeboat-compared-');
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A cluster with two tablespaces, and a table that does not fit into one part of a backup. */
async function makeSource(installation: Installation): Promise<ProtectedSource> {
  const source = await ProtectedSource.create(installation, { settings: { autovacuum: 'off', max_wal_size: '4GB' } });
  cleanups.push(() => source.remove());
  const { server } = source;
  for (const name of ['fast', 'slow']) {
    const location = scratch();
    await server.query(`create tablespace ${name} location '${location}'`);
  }
  await server.query(`
    create table large as select g as id, repeat(chr(65 + g % 26), 900) as filler from generate_series(1, 78000) g;
    create table fast_one tablespace fast as select g as id, md5(g::text) as filler from generate_series(1, 20000) g;
    create table slow_one tablespace slow as select 1 as id;
    create unlogged table unlogged_one as select g from generate_series(1, 1000) g`);
  return source;
}

/** The files of a chain and nothing else: no settings, no record, no server. */
async function layDown(source: ProtectedSource, chain: readonly Manifest[]): Promise<string> {
  const dataDir = join(scratch(), 'data');
  const newest = chain.at(-1)!;
  const moved = newest.tablespaces.map(({ oid }) => `${oid}=${tablespaceBeside(dataDir, oid)}`);
  const layout = planLayout(dataDir, newest.tablespaces, moved);
  for (const place of [dataDir, ...layout.tablespaces.values()]) mkdirSync(place, { mode: 0o700 });
  const restorer = new PartWorkers({
    width: 2,
    vault: source.vault,
    location: source.bucket,
    environment: source.environment,
    target: { layout, account: undefined },
    onBytes: () => undefined,
  });
  try {
    await restoreChain({ vault: source.vault, chain, layout, restorer, signal: new AbortController().signal });
  } finally {
    await restorer.close();
  }
  releaseControlFile(dataDir);
  return dataDir;
}

/** It names the places of tablespaces, which are others here than on the source. */
const verifyOptions = ['-n', '--ignore=tablespace_map'];

describe(`${machineInstallation().name}: a full backup`, () => {
  test('with two tablespaces and a file across parts is restored as pg_verifybackup wants it', async () => {
    const installation = machineInstallation();
    const source = await makeSource(installation);
    const { manifest } = await source.backup('full');
    assert.ok(manifest.parts.filter(({ archive }) => archive === 'base').length > 1, 'base has several parts');
    const dataDir = await layDown(source, [manifest]);
    writeFileSync(join(dataDir, 'backup_manifest'), await serverManifest(source.vault, manifest));
    const program = `${installation.binDir}/pg_verifybackup`;
    const verified = await runProgram(program, [...verifyOptions, dataDir]);
    assert.deepEqual(verified, { exitCode: 0, stdout: 'backup successfully verified\n', stderr: '' });

    const tablespace = tablespaceBeside(dataDir, manifest.tablespaces[0]!.oid);
    const file = [...readTree(tablespace)].find(([, what]) => !what.startsWith('folder'))![0];
    rmSync(join(tablespace, file));
    assert.equal((await runProgram(program, [...verifyOptions, dataDir])).exitCode, 1, 'it looks into tablespaces');
  });
});

describe(`${embeddedInstallation().name}: a full backup and two incrementals on it`, () => {
  let source: ProtectedSource;
  let chain: Manifest[];
  let reference: ReferencePrograms;

  before(async () => {
    reference = ReferencePrograms.get();
    source = await makeSource(embeddedInstallation());
    const { server } = source;
    await server.query(`
      create table updated as select g as id, repeat('u', 500) as filler from generate_series(1, 20000) g;
      create table shortened as select g as id, repeat('s', 500) as filler from generate_series(1, 20000) g;
      create table emptied as select g as id from generate_series(1, 20000) g;
      create table dropped_first as select g as id from generate_series(1, 2000) g;
      create table dropped_second as select g as id from generate_series(1, 2000) g;
      create table untouched as select g as id from generate_series(1, 20000) g;
      create index updated_id on updated (id)`);
    await server.query('vacuum freeze'); // or the vacuum below would change all pages, and there were no INCREMENTAL file
    await server.query('create database dropped');
    chain = [(await source.backup('full')).manifest];

    await server.query(`
      update updated set filler = repeat('v', 500) where id % 1000 = 0;
      delete from shortened where id > 5000;
      delete from fast_one where id between 5000 and 5100;
      drop table dropped_first;
      create table made_first as select g as id, md5(g::text) from generate_series(1, 5000) g`);
    await server.query('vacuum (truncate) shortened');
    await server.query('truncate emptied');
    await server.query('create database copied strategy file_copy');
    chain.push((await source.backup('incr')).manifest);

    await server.query(`
      update updated set filler = repeat('w', 500) where id % 700 = 0;
      update large set filler = repeat('w', 900) where id % 100 = 0;
      insert into shortened select g, repeat('t', 500) from generate_series(5000, 9000) g;
      insert into emptied select g from generate_series(1, 100) g;
      drop table dropped_second;
      create table made_second tablespace slow as select g as id from generate_series(1, 5000) g`);
    await server.query('drop database dropped');
    await server.query('create database logged strategy wal_log');
    await server.query('create table t as select 1', { database: 'copied' });
    chain.push((await source.backup('incr')).manifest);
  });

  test('are restored as pg_combinebackup combines them, file by file', async () => {
    const folder = scratch();
    const inputs = chain.map((_, index) => join(folder, `backup${index}`));
    for (const [index, manifest] of chain.entries()) await unpackBackup(source.vault, manifest, inputs[index]!);
    const combined = join(folder, 'combined');
    const newest = chain.at(-1)!;
    const moved = newest.tablespaces.flatMap(({ oid }) => [
      '-T',
      `${tablespaceBeside(inputs.at(-1)!, oid)}=${tablespaceBeside(combined, oid)}`,
    ]);
    const ran = await reference.run('pg_combinebackup', [...inputs, ...moved, '-o', combined, '--no-sync']);
    assert.equal(ran.exitCode, 0, ran.stderr);

    const dataDir = await layDown(source, chain);
    const ours = readTree(dataDir);
    const theirs = readTree(combined);
    theirs.delete('backup_manifest');
    for (const tree of [ours, theirs]) tree.delete('tablespace_map');
    assert.deepEqual(differences(ours, theirs), []);
    assert.ok(ours.size > 1000, `${ours.size} files`);
    assert.match(readFileSync(join(dataDir, 'tablespace_map'), 'utf8'), new RegExp(`${dataDir}\\.\\d+\n`));

    writeFileSync(join(dataDir, 'backup_manifest'), readFileSync(join(combined, 'backup_manifest')));
    const verified = await reference.run('pg_verifybackup', [...verifyOptions, dataDir]);
    assert.deepEqual(verified, { exitCode: 0, stdout: 'backup successfully verified\n', stderr: '' });
  });

  test('hold what makes that hard: INCREMENTAL files, also in tablespaces, and databases that come and go', async () => {
    const files = await Promise.all(chain.map((manifest) => filesOf(source, manifest)));
    const incremental = files[1]!.filter((path) => /\/INCREMENTAL\.\d+$/.test(path));
    assert.ok(incremental.length > 5, `${incremental.length} INCREMENTAL files`);
    assert.ok(incremental.some((path) => path.startsWith('pg_tblspc/')));
    const databases = files.map((paths) => paths.filter((path) => /^base\/\d+\/PG_VERSION$/.test(path)));
    assert.deepEqual(
      databases.map(({ length }) => length),
      [4, 5, 5],
    );
    assert.notDeepEqual(databases[1], databases[2]);
  });
});

async function filesOf(source: ProtectedSource, manifest: Manifest): Promise<string[]> {
  const text = (await serverManifest(source.vault, manifest)).toString('utf8');
  return (JSON.parse(text) as { Files: { Path: string }[] }).Files.map(({ Path }) => Path).sort();
}
