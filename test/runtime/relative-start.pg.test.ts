import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { machineInstallation, serverAccount } from '#harness/postgres-installations';
import type { ReplicatedSite } from '#harness/replicated-site';
import { startArguments } from '#runtime/start-arguments';
import { siteScene } from './site-scene.ts';

const installation = machineInstallation();
const signalOf = ({ dataDir }: ReplicatedSite) => join(dataDir, 'standby.signal');

/** As a person does in the folder that holds the data directory. */
function startFrom(folder: string, site: ReplicatedSite, named: string, options = ''): void {
  const log = join(site.home, 'pg_ctl.log');
  const words = ['-D', named, '-l', log, '-w', ...(options === '' ? [] : ['-o', options]), 'start'];
  const { status, stdout } = spawnSync(join(site.binDir, 'pg_ctl'), words, {
    ...serverAccount,
    env: { PATH: '/usr/bin:/bin' },
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  assert.equal(status, 0, stdout);
}

test('a server that was started by a relative -D takes writes again, with its options, when its fence is undone', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, installation);
  await east.stop();
  mkdirSync(join(east.home, 'conf'));
  renameSync(join(east.dataDir, 'postgresql.conf'), join(east.home, 'conf', 'postgresql.conf'));
  startFrom(east.home, east, './data', '-c config_file=conf/postgresql.conf -c work_mem=7MB');
  assert.match(readFileSync(join(east.dataDir, 'postmaster.opts'), 'utf8'), /"-D" "data"/);
  const memory = await eastServer.beforeFence(signal);
  await eastServer.fence({ gently: true, signal });
  await eastServer.unfence(memory, signal);
  await east.query('insert into orders values (1)');
  assert.equal(await east.value('show work_mem'), '7MB');
});

test('the arguments of a relative path are those of the folder that it leads to', async (t) => {
  const { east, pair } = await siteScene(t, installation);
  await east.stop();
  const { dataDir } = east;
  const named = (path: string, more = '') =>
    writeFileSync(join(dataDir, 'postmaster.opts'), `/bin/postgres "-D" "${path}"${more}\n`);
  for (const path of ['data', './data/', 'east/data', '.', '../data', `../${basename(pair.folder)}/east/data`]) {
    named(path, ' "-c" "work_mem=7MB"');
    assert.deepEqual(await startArguments(dataDir), ['-D', dataDir, '-c', 'work_mem=7MB'], path);
  }
  for (const path of ['west', 'west/data', '../other', 'data/east']) {
    named(path, ' "-c" "work_mem=7MB"');
    assert.deepEqual(await startArguments(dataDir), ['-D', dataDir], path);
  }
  named('data', ' "-c" "config_file=etc/a.conf" "--hba_file=/etc/hba" "-c" "ident_file=b"');
  assert.deepEqual(await startArguments(dataDir), [
    ...['-D', dataDir, '-c', `config_file=${dirname(dataDir)}/etc/a.conf`, '--hba_file=/etc/hba'],
    ...['-c', `ident_file=${dirname(dataDir)}/b`],
  ]);
  const link = join(pair.folder, 'linked');
  symlinkSync(dataDir, link);
  named('linked', ' "-p" "7"');
  assert.deepEqual(await startArguments(link), ['-D', link, '-p', '7']);
});

test('a server that does not start again stays fenced, is told so, and its fence is undone once it can start', async (t) => {
  const { east, eastServer, signal } = await siteScene(t, installation);
  const memory = await eastServer.beforeFence(signal);
  await eastServer.fence({ gently: true, signal });
  const config = join(east.dataDir, 'postgresql.conf');
  const right = readFileSync(config, 'utf8');
  appendFileSync(config, "shared_buffers = 'plenty'\n");
  await assert.rejects(eastServer.unfence(memory, signal), {
    name: 'FenceFailed',
    message: /invalid value for parameter "shared_buffers".*it can only come up as a standby, as before/s,
  });
  assert.equal(existsSync(signalOf(east)), true);
  assert.deepEqual((await eastServer.look(signal)).fence.fenced, true);
  writeFileSync(config, right);
  await eastServer.unfence(memory, signal);
  await east.query('insert into orders values (1)');
});
