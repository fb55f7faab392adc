import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { installations, machineInstallation } from '#harness/postgres-installations';
import { TestServer } from '#harness/postgres-server';
import { runLifeboat } from '#harness/run-lifeboat';
import { parsePlan } from '#model/plan';
import { readKeyFile } from '#runtime/key-file';
import { openSigningKey, readPublicKeys } from '#runtime/signing-key';

const home = mkdtempSync(join(tmpdir(), 'lifeboat-init-'));
after(() => rmSync(home, { recursive: true }));

for (const installation of installations()) {
  describe(`init with ${installation.name}`, () => {
    let server: TestServer;
    before(async () => {
      server = await TestServer.create(installation);
      await server.query('create role reader login');
    });
    after(() => server.remove());

    const init = (cwd: string, ...args: string[]) => runLifeboat(['init', '--host', server.home, ...args], { cwd });

    test('writes a plan, a key and a bucket, and finds the server ready', async () => {
      const cwd = folder();
      const { exitCode, stdout, stderr } = await init(cwd, '--user', 'postgres', '--source', 'orders');
      assert.equal(exitCode, 0, stdout + stderr);
      assert.match(
        stdout,
        /^plan: plan\.yml, written\nkey file: \.\/lifeboat\.key, written\nbucket: \.\/bucket\nsigning key: \.\/evidence\.key, written\nsource orders\n/,
      );
      assert.match(stdout, new RegExp(`^ {2}ok +version +PostgreSQL ${installation.major}`, 'm'));
      assert.match(stdout, /^ {2}warning +fsync +off: .*\n +HINT: ALTER SYSTEM SET fsync = 'on'/m);
      assert.match(stdout, /\norders is ready\n$/);
      assert.match(stderr, /^WARNING: without the key file .* NOBODY CAN RESTORE/);
      assert.equal(statSync(join(cwd, 'bucket')).mode & 0o777, 0o700);
      const plan = parsePlan(readFileSync(join(cwd, 'plan.yml'), 'utf8'), 'plan.yml');
      assert.deepEqual([plan.sources[0]!.name, plan.sources[0]!.connection.host], ['orders', server.home]);
      assert.equal((await readKeyFile(join(cwd, 'lifeboat.key'))).length, 1);
      assert.equal(statSync(join(cwd, 'evidence.key')).mode & 0o777, 0o600);
      const signer = await openSigningKey(join(cwd, 'evidence.key'));
      assert.deepEqual(await readPublicKeys(join(cwd, 'evidence.key.pub')), [(await signer.identify()).publicKey]);
    });

    test('keeps the plan when the server is not ready, and --check looks again', async () => {
      const cwd = folder();
      const { exitCode, stdout } = await init(cwd, '--user', 'reader', '--no-encryption');
      assert.equal(exitCode, 4);
      assert.match(stdout, /^ {2}failed +role +reader may not replicate\n +HINT: ALTER ROLE reader REPLICATION$/m);
      assert.match(stdout, /\nmain is NOT ready: 2 of \d+ failed\nnext: .*lifeboat init --check\n$/);
      assert.ok(!existsSync(join(cwd, 'lifeboat.key')));

      await server.query('alter role reader replication');
      const again = await runLifeboat(['init', '--check', '--json'], { cwd });
      assert.equal(again.exitCode, 0, again.stdout);
      const { sources } = JSON.parse(again.stdout);
      assert.equal(sources[0].source, 'main');
      assert.ok(sources[0].findings.every(({ status }: { status: string }) => status !== 'failed'));
    });
  });
}

describe('init', () => {
  const unreachable = ['--host', '/nowhere', '--user', 'u'];

  test('never overwrites a plan', async () => {
    const cwd = folder();
    writeFileSync(join(cwd, 'plan.yml'), 'mine');
    const { exitCode, stdout, stderr } = await runLifeboat(['init', ...unreachable], { cwd });
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /^lifeboat: --plan: "plan\.yml" is not allowed: .*\nHINT: a plan is never overwritten/);
    assert.equal(readFileSync(join(cwd, 'plan.yml'), 'utf8'), 'mine');
    assert.ok(!existsSync(join(cwd, 'lifeboat.key')));
  });

  test('uses a key that is there, and refuses one that others may read before it writes anything', async () => {
    const cwd = folder();
    const key = `lifeboat-key-1:${Buffer.alloc(32, 7).toString('base64')}\n`;
    writeFileSync(join(cwd, 'my.key'), key, { mode: 0o600 });
    const { exitCode, stdout } = await runLifeboat(['init', ...unreachable, '--key-file', 'my.key'], { cwd });
    assert.equal(exitCode, 4);
    assert.match(stdout, /^key file: my\.key, already there$/m);
    assert.equal(readFileSync(join(cwd, 'my.key'), 'utf8'), key);

    chmodSync(join(cwd, 'my.key'), 0o644);
    const refused = await runLifeboat(['init', ...unreachable, '--key-file', 'my.key', '--plan', 'two.yml'], { cwd });
    assert.equal(refused.exitCode, 8);
    assert.ok(!existsSync(join(cwd, 'two.yml')));
    assert.equal((await runLifeboat(['init', '--check'], { cwd })).exitCode, 8);
  });

  test('relates paths of the command line to where it was typed, and defaults to the plan', async () => {
    const cwd = folder();
    mkdirSync(join(cwd, 'etc'));
    const args = ['init', ...unreachable, '--plan', 'etc/plan.yml', '--bucket', 'data'];
    assert.equal((await runLifeboat(args, { cwd })).exitCode, 4);
    assert.ok(existsSync(join(cwd, 'data')) && existsSync(join(cwd, 'etc', 'lifeboat.key')));
    assert.equal(parsePlan(readFileSync(join(cwd, 'etc/plan.yml'), 'utf8'), 'p').bucket, join(cwd, 'data'));
  });

  test('writes an S3 URL as it is, and makes no folder', async () => {
    const cwd = folder();
    assert.equal((await runLifeboat(['init', ...unreachable, '--bucket', 's3://backups/x'], { cwd })).exitCode, 4);
    assert.equal(parsePlan(readFileSync(join(cwd, 'plan.yml'), 'utf8'), 'p').bucket, 's3://backups/x');
    assert.ok(!existsSync(join(cwd, 's3:')));
  });

  test('with --stack writes nothing but a plan to deploy, and looks at its servers without asking AWS', async () => {
    const cwd = folder();
    const words = ['--stack', 'lifeboat-prod', '--region', 'eu-central-1'];
    const { exitCode, stdout, stderr } = await runLifeboat(['init', ...unreachable, ...words], { cwd });
    assert.equal(exitCode, 4, stderr);
    assert.match(stdout, /^plan: plan\.yml, written\nstack: lifeboat-prod in eu-central-1, whose bucket and key it is/);
    assert.ok(!existsSync(join(cwd, 'lifeboat.key')) && !existsSync(join(cwd, 'stack')) && stderr === '');
    const { bucket, encryption, aws } = parsePlan(readFileSync(join(cwd, 'plan.yml'), 'utf8'), 'p');
    assert.deepEqual([bucket, encryption], ['stack', { kmsKey: 'stack' }]);
    assert.deepEqual(aws, { stack: 'lifeboat-prod', region: 'eu-central-1' });
    assert.equal((await runLifeboat(['init', '--check'], { cwd })).exitCode, 4);
  });

  test('quotes what YAML would read otherwise', async () => {
    const cwd = folder();
    assert.equal(
      (await runLifeboat(['init', '--host', '/nowhere', '--user', '007', '--database', 'a: b # c'], { cwd })).exitCode,
      4,
    );
    const { user, database } = parsePlan(readFileSync(join(cwd, 'plan.yml'), 'utf8'), 'p').sources[0]!.connection;
    assert.deepEqual([user, database], ['007', 'a: b # c']);
  });

  const refused: [args: string[], message: RegExp][] = [
    [['--port', '70000'], /^lifeboat: --port: "70000" is not allowed/],
    [['--source', 'Orders'], /sources\.Orders: is not allowed as a name/],
    [['--bucket', 'gs://x'], /bucket: "gs:\/\/x" is not allowed/],
    [['--check', '--host', 'a'], /--check takes everything but --source from the plan/],
    [['--check', '--no-encryption'], /--check takes everything but --source from the plan/],
    [['--no-encryption', '--key-file', 'x'], /exclude each other/],
    [['--stack', 'lifeboat-prod'], /^lifeboat: --region: nothing is not allowed/],
    [['--stack', 'prod', '--region', 'eu-central-1'], /aws\.stack: "prod" is not allowed/],
    [['--stack', 'lifeboat-prod', '--region', 'eu-central-1', '--no-encryption'], /a bucket and a key of its own/],
    [['--check'], /plan: "plan\.yml" is not allowed: expected a file that exists/],
    [['--plan', 'no/such/folder/plan.yml', '--no-encryption', '--bucket', 's3://abc'], /--plan: .* ENOENT/],
    [['--hots', 'a'], /unknown option '--hots'\nHINT: did you mean --host\?/],
  ];
  for (const [args, message] of refused) {
    test(`refuses ${args.join(' ')} and writes nothing`, async () => {
      const cwd = folder();
      const { exitCode, stdout, stderr } = await runLifeboat(['init', ...args], { cwd });
      assert.deepEqual([exitCode, stdout], [2, '']);
      assert.match(stderr, message);
      assert.ok(
        !existsSync(join(cwd, 'plan.yml')) &&
          !existsSync(join(cwd, 'lifeboat.key')) &&
          !existsSync(join(cwd, 'bucket')),
      );
    });
  }

  test('--check --source looks at that one, and names those there are', async () => {
    const cwd = folder();
    const source = 'connection: { host: /nowhere, user: u, password: env:NOT_SET }';
    writeFileSync(
      join(cwd, 'plan.yml'),
      `bucket: b\nencryption: none\nsources:\n  a: { ${source} }\n  b: { ${source} }\n`,
    );
    const one = await runLifeboat(['init', '--check', '--source', 'b', '--json'], { cwd });
    assert.equal(one.exitCode, 4);
    const { sources } = JSON.parse(one.stdout);
    assert.deepEqual(
      sources.map(({ source }: { source: string }) => source),
      ['b'],
    );
    assert.match(sources[0].findings[0].found, /"env:NOT_SET" is not allowed/);
    const none = await runLifeboat(['init', '--check', '--source', 'c'], { cwd });
    assert.equal(none.exitCode, 2);
    assert.match(none.stderr, /--source: "c" is not allowed: expected one of the plan's sources: a, b/);
  });
});

let folders = 0;

function folder(): string {
  folders += 1;
  const path = join(home, String(folders));
  mkdirSync(path);
  return path;
}

describe('init --check of what is dumped', () => {
  const installation = machineInstallation();
  let server: TestServer;
  before(async () => {
    server = await TestServer.create(installation);
    await server.query('create role dumps login');
    await server.query('create table secret (n int)');
  });
  after(() => server.remove());

  const check = async (user: string, ledger: string, source = '') => {
    const cwd = folder();
    const connection = `{ host: ${server.home}, user: ${user} }`;
    const orders = `  orders: { connection: { host: ${server.home}, user: postgres }, ${source} }\n`;
    const rds = `  ledger: { kind: rds, instance: ledger-db, connection: ${connection}${ledger} }\n`;
    const plan = `bucket: ./bucket\nencryption: none\nsources:\n${orders}${rds}  quiet: { kind: rds, instance: quiet }\n`;
    writeFileSync(join(cwd, 'plan.yml'), plan);
    return runLifeboat(['init', '--check'], { cwd, env: { LIFEBOAT_BIN_DIR: installation.binDir } });
  };

  test('a database that RDS runs can be dumped where the role may read it, and nothing else is asked of it', async () => {
    const { exitCode, stdout } = await check('postgres', '');
    assert.equal(exitCode, 0, stdout);
    assert.match(
      stdout,
      /\nsource ledger\n {2}ok +dump +can be taken of postgres: .*\n {2}ok +pg_dump +.*\nledger is ready\n$/,
    );
    assert.doesNotMatch(stdout, /quiet/);
    assert.equal(stdout.match(/can be taken of/g)?.length, 1, 'no schedule has the other one dumped');
  });

  test('a role that may not read everything, and a database that is not there, come with what to do', async () => {
    const refused = await check('dumps', '', 'schedules: { dump: rate(1 day) }');
    assert.equal(refused.exitCode, 4, refused.stdout);
    assert.match(refused.stdout, /^ {2}failed +dump +.*secret.*\n +HINT: GRANT pg_read_all_data TO dumps$/m);
    assert.match(refused.stdout, /^ {2}ok +dump +can be taken of postgres/m);
    const missing = await check('postgres', ', dump: { databases: [postgrs] }');
    assert.match(missing.stdout, /^ {2}failed +dump +.*postgrs.*\n +HINT: did you mean "postgres"\?$/m);
  });
});
