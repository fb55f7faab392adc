import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { lifeboatProgram, runLifeboat, startLifeboat } from '#harness/run-lifeboat';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-main-'));
after(() => rmSync(folder, { recursive: true }));

const version = `lifeboat ${JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version}\n`;

/** A `node` of this machine that is too old for us, if there is one. */
const olderNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));

test('the program can be started as it is', () => {
  accessSync(lifeboatProgram, constants.X_OK);
});

test('the version is that of the package', async () => {
  assert.deepEqual(await runLifeboat(['--version']), { exitCode: 0, signal: null, stdout: version, stderr: '' });
});

test('exit codes reach the shell', async () => {
  const ended = await runLifeboat(['no-such-command', '--json']);
  assert.equal(ended.exitCode, 2);
  assert.equal(JSON.parse(ended.stdout).error.name, 'UsageInvalid');
});

test('no library is loaded before a command needs it', async () => {
  const tell = `import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => { console.error(url); return next(url, context); } });`;
  const nodeOptions = ['--import', `data:text/javascript,${encodeURIComponent(tell)}`];
  const { stderr } = await runLifeboat(['--help'], { nodeOptions });
  const packages = new Set([...stderr.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].map(([, name]) => name));
  assert.deepEqual([...packages].toSorted(), ['commander', 'fastest-levenshtein']);
});

test('compiled code is kept in a folder of the own account, which need not be there', async () => {
  const home = join(folder, 'home');
  mkdirSync(home);
  assert.equal((await runLifeboat(['--version'], { cwd: home, env: { NODE_COMPILE_CACHE: '' } })).stdout, version);
  assert.deepEqual(readdirSync(join(home, '.cache')), ['lifeboat']);
  const nowhere = await runLifeboat(['--version'], { env: { NODE_COMPILE_CACHE: '', HOME: '/dev/null' } });
  assert.deepEqual([nowhere.stdout, nowhere.stderr], [version, '']);
});

test('a reader that has seen enough is no failure', async () => {
  const script = `"${process.execPath}" "${lifeboatProgram}" --help | head -c 1; echo " \${PIPESTATUS[0]}"`;
  const shell = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([shell.stdout.toArray(), shell.stderr.toArray()]);
  assert.deepEqual([stdout.join(''), stderr.join('')], ['U 0\n', '']);
});

describe('started by an older node', { skip: olderNode === undefined && 'this machine has none' }, () => {
  test('it runs on its own', async () => {
    assert.deepEqual(await runLifeboat(['--version'], { node: olderNode! }), {
      exitCode: 0,
      signal: null,
      stdout: version,
      stderr: '',
    });
    assert.equal((await runLifeboat(['no-such-command'], { node: olderNode! })).exitCode, 2);
  });

  test('without one of its own it tells what to do', async () => {
    mkdirSync(join(folder, 'bin'));
    cpSync(lifeboatProgram, join(folder, 'bin', 'lifeboat.mjs'));
    const child = spawn(olderNode!, [join(folder, 'bin', 'lifeboat.mjs')], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [[exitCode], stderr] = await Promise.all([once(child, 'close'), child.stderr.toArray()]);
    assert.equal(exitCode, 2);
    assert.match(
      stderr.join(''),
      /^lifeboat: node \d+\.\d+\.\d+ is too old, expected 24 or newer\nHINT: .*npm install/,
    );
  });
});

describe('a signal', () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  before(async () => {
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const { port } = silent.address() as AddressInfo;
    writeFileSync(
      join(folder, 'plan.yml'),
      `bucket: b\nencryption: none\nsources: { a: { connection: { host: 127.0.0.1, port: ${port}, user: u } } }\n`,
    );
  });
  after(() => silent.close());

  const nodes = olderNode === undefined ? [process.execPath] : [process.execPath, olderNode];
  for (const node of nodes) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      test(`${signal} interrupts a command under ${node === olderNode ? 'an older node' : 'our node'}`, async () => {
        const began = performance.now();
        const { child, ended } = startLifeboat(['init', '--check'], { cwd: folder, node });
        await once(silent, 'connection');
        child.kill(signal);
        const { exitCode, stderr } = await ended;
        assert.deepEqual([exitCode, stderr], [130, `lifeboat: interrupted by ${signal}\n`]);
        assert.ok(performance.now() - began < 5_000, 'it waited for the server');
      });
    }
  }

  test('that cannot be caught ends the older node as it ended ours', { skip: olderNode === undefined }, async () => {
    const { child, ended } = startLifeboat(['init', '--check'], { cwd: folder, node: olderNode! });
    await once(silent, 'connection');
    process.kill(childOf(child.pid!), 'SIGKILL');
    assert.equal((await ended).signal, 'SIGKILL');
  });
});

const childOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]);
