import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '#harness/daemon-process';
import { ada, DeployedStack, grace, mallory } from '#harness/deployed-stack';
import { embeddedInstallation, serverAccount } from '#harness/postgres-installations';
import { makeServerFolder, serverFolder, TestServer } from '#harness/postgres-server';
import type { Ended } from '#harness/run-lifeboat';

describe('a deployed plan, by commands alone', { timeout: 300_000 }, () => {
  let server: TestServer;
  let stack: DeployedStack;
  const drills = serverFolder('lifeboat-deployed-drills-');
  before(async () => {
    server = await TestServer.create(embeddedInstallation(), { initdb: ['--wal-segsize=1'] });
    const source = { connection: server.connection, compressionLevel: 1 };
    stack = await DeployedStack.open(source, {
      LIFEBOAT_BIN_DIR: server.installation.binDir,
      LIFEBOAT_DRILL_DIR: drills,
      ...(serverAccount ? { LIFEBOAT_RUN_AS: 'nobody' } : {}),
    });
  });
  after(async () => {
    await stack?.close();
    await server?.remove();
    rmSync(drills, { recursive: true, force: true });
  });

  const said = ({ exitCode, stdout, stderr }: Ended): string => `exit ${exitCode}\n${stdout}${stderr}`;
  async function ok(ended: Promise<Ended>): Promise<Ended> {
    const one = await ended;
    assert.equal(one.exitCode, 0, said(one));
    return one;
  }

  test('is backed up, proven, asked for, approved by somebody else and restored', async () => {
    const backup = await ok(stack.run(['backup']));
    assert.match(backup.stderr, /^ {2}\d\d:\d\d:\d\d started$/m);
    assert.match(backup.stderr, /^ {2}\d\d:\d\d:\d\d orders → Copy the cluster$/m);
    assert.match(backup.stderr, /orders → Tell about the backup\n {2}\d\d:\d\d:\d\d succeeded\n$/);
    const listed = JSON.parse((await ok(stack.run(['executions', '--json']))).stdout);
    const { arn } = listed.executions.find(({ machine }: { machine: string }) => machine === 'backup');
    const { history, untold } = JSON.parse((await ok(stack.run(['executions', arn, '--json']))).stdout);
    const steps = history.flatMap(({ about, text }: { about?: string; text: string }) => (about ? [text] : []));
    assert.ok(steps.includes('→ Copy the cluster') && steps.includes('→ Confirm the commit'), `${steps}`);
    assert.equal(untold, 0);
    const [, id] = /^backup (\S+-full) is committed$/m.exec(backup.stdout) ?? [];
    assert.ok(id, said(backup));
    assert.match((await ok(stack.run(['backups']))).stdout, new RegExp(`^${id} +committed`, 'm'));
    assert.match((await ok(stack.run(['verify']))).stdout, /is as it was written/);
    await ok(stack.run(['drill', id]));
    assert.match((await ok(stack.run(['backups']))).stdout, new RegExp(`^${id} +proven`, 'm'));

    const to = join(makeServerFolder(stack.place('')), 'orders');
    const restore = stack.start(['restore', '--to', to, '--reason', 'orders were dropped']);
    let told = '';
    restore.child.stderr!.on('data', (data) => {
      told += data;
    });
    await until('it asks', () => /^ {2}lifeboat approve \S+ --plan [0-9a-f]{12} --reason "…"$/m.test(told), 60_000);
    const [, shown] = /^ {2}lifeboat (approve .*) "…"$/m.exec(told)!;
    const command = [...shown!.split(' '), 'seen'];
    const status = await stack.run(['status']);
    assert.equal(status.exitCode, 9, 'nobody measures here');
    assert.match(status.stdout, new RegExp(`^ASKED {5}restore of orders, by ${grace.arn}, until`, 'm'));
    assert.match(status.stdout, /^runs {6}restore {2}\S+ {2}for/m);

    const refused = await stack.run(command, mallory);
    assert.equal(refused.exitCode, 10, said(refused));
    assert.ok(!existsSync(to));
    const approved = await ok(stack.run(command, ada));
    assert.match(approved.stdout, new RegExp(`is approved by Ada \\(${ada.arn}\\): follow it`));
    const restored = await ok(restore.ended);
    assert.match(restored.stdout, new RegExp(`^${to} is restored to `));
    assert.ok(existsSync(join(to, 'PG_VERSION')));

    const { newest } = JSON.parse((await ok(stack.run(['evidence', '--json']))).stdout);
    const last = newest.findLast(({ approval }: { approval: object | null }) => approval !== null);
    assert.deepEqual([last.who, last.approval.by, last.approval.iam], [grace.arn, 'Ada', ada.arn]);
    await ok(stack.run(['evidence']));
    const executions = await ok(stack.run(['executions']));
    assert.deepEqual(
      executions.stdout.match(/^\w+(?= )/gm)?.filter((word) => word !== 'MACHINE'),
      ['restore', 'drill', 'backup'],
    );
    const name = command[1]!;
    const one = await ok(stack.run(['executions', name]));
    assert.match(one.stdout, new RegExp(`✓ approved by Ada \\(${ada.arn}\\)`));
  });

  test('is backed up, though its Maps may not be looked into, which is told', async () => {
    const message = `User: ${grace.arn} is not authorized to perform: states:ListExecutions on resource: arn:x`;
    stack.aws.faults.push({ operation: 'states:ListExecutions', status: 400, code: 'AccessDeniedException', message });
    const { stderr } = await ok(stack.run(['backup']));
    const told = stderr.match(/^ {11}what runs within it cannot be shown: .*$/gm);
    assert.equal(told?.length, 1, stderr);
    assert.match(told![0], /lifeboat-prod in eu-central-1 refuses states:ListExecutions on arn:\S+: User: /);
    assert.match(stderr, / succeeded\n$/);
  });

  test('is followed to where each source is, with the log that says how far its task is', async () => {
    const query = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    const checkpointer = Number(await server.value(query));
    // a backup waits for a checkpoint
    process.kill(checkpointer, 'SIGSTOP');
    const backup = stack.start(['backup']);
    let told = '';
    backup.child.stderr!.on('data', (data) => {
      told += data;
    });
    try {
      const log = /^ {11}how far its tasks are: aws logs tail \/lifeboat\/lifeboat-prod\/tasks --follow$/m;
      await until('it is told', () => / orders → Copy the cluster$/m.test(told) && log.test(told), 60_000);
    } finally {
      process.kill(checkpointer, 'SIGCONT');
    }
    await ok(backup.ended);
    assert.match(told, / succeeded\n$/);
  });
});
