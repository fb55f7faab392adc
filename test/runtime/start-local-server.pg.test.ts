import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import type { ReplicatedSite } from '#harness/replicated-site';
import { parseOptions, startArguments } from '#runtime/start-arguments';
import { type StartOutcome, startLocalServer } from '#runtime/start-local-server';

const { signal } = new AbortController();
const start = ({ binDir, dataDir }: ReplicatedSite): Promise<StartOutcome> =>
  startLocalServer({ binDir, dataDir, account: serverAccount, environment: process.env, waitMs: 30_000, signal });

async function pairOf(t: TestContext): Promise<ReplicatedPair> {
  const pair = await ReplicatedPair.create(embeddedInstallation());
  t.after(() => pair.remove());
  return pair;
}

test('a server that was started outlives who started it, and is not started twice', async (t) => {
  const { east } = await pairOf(t);
  await east.stop();
  const child = join(import.meta.dirname, 'start-local-child.ts');
  const account = serverAccount ? [String(serverAccount.uid), String(serverAccount.gid)] : [];
  const { stdout, stderr } = spawnSync(process.execPath, [child, east.binDir, east.dataDir, ...account], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  assert.deepEqual(JSON.parse(stdout), { state: 'runs', pid: east.postmaster() });
  assert.equal(await east.value('show port'), String(east.port));
  assert.deepEqual(await start(east), { state: 'runs', pid: east.postmaster() });
});

test('one that cannot start says why', async (t) => {
  const { east } = await pairOf(t);
  await east.stop();
  east.configure({ shared_buffers: 'plenty' });
  const outcome = await start(east);
  assert.ok(outcome.state === 'failed');
  assert.match(outcome.lastLines.join('\n'), /invalid value for parameter "shared_buffers": "plenty"/);
  const elsewhere = await startLocalServer({
    binDir: '/nowhere',
    dataDir: east.dataDir,
    environment: {},
    waitMs: 1_000,
    signal,
  });
  assert.ok(elsewhere.state === 'failed');
  assert.match(elsewhere.lastLines.join('\n'), /ENOENT/);
});

test('what stood on its command line stands there again, unless its data directory was copied', async (t) => {
  const { east, west } = await pairOf(t);
  await east.stop();
  const options = join(east.dataDir, 'postmaster.opts');
  writeFileSync(options, `${readFileSync(options, 'utf8').trimEnd()} "-c" "work_mem=7MB"\n`);
  assert.equal((await start(east)).state, 'runs');
  assert.equal(await east.value('show work_mem'), '7MB');

  writeFileSync(join(west.dataDir, 'postmaster.opts'), readFileSync(options));
  assert.deepEqual(await startArguments(west.dataDir), ['-D', west.dataDir]);
  assert.deepEqual(parseOptions('/usr/bin/postgres "-D" "/a b" "-c" "x=\'1\'"\n'), ['-D', '/a b', '-c', "x='1'"]);
});
