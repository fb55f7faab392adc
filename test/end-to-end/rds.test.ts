import assert from 'node:assert/strict';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DaemonProcess, until } from '#harness/daemon-process';
import { addOwnSnapshot } from '#harness/managed-scene';
import { serverAccount } from '#harness/postgres-installations';
import { serverFolder } from '#harness/postgres-server';
import type { Ended } from '#harness/run-lifeboat';
import { type StrictRds, startStrictRds } from '#harness/strict-rds';

const [home, away] = ['eu-central-1', 'eu-west-1'];
const plan = `bucket: bucket
encryption: none
sources:
  ledger:
    kind: rds
    instance: ledger-db
    copyTo: { region: ${away}, kmsKey: "arn:aws:kms:${away}:111122223333:key/k" }
    tier: { rpo: 10m, rto: 1h }
    retention: { window: 7d }
  books:
    kind: rds
    cluster: books-cluster
approvers: [{ name: ada }]
`;

const said = ({ exitCode, stdout, stderr }: Ended): string => `exit ${exitCode}\n${stdout}${stderr}`;

describe('databases that RDS runs, under lifeboat up', { timeout: 120_000 }, () => {
  let rds: StrictRds;
  let daemon: DaemonProcess;
  const folder = serverFolder('lifeboat-rds-');
  before(async () => {
    rds = await startStrictRds(home);
    rds.regions.looks = 0;
    const now = Date.now();
    const window = { earliest: new Date(now - 7 * 86_400_000), latest: new Date(now - 120_000) };
    rds.regions.add(home, 'instance', { id: 'ledger-db', ...window });
    rds.regions.add(home, 'cluster', { id: 'books-cluster', ...window });
    writeFileSync(join(folder, 'plan.yml'), plan);
    mkdirSync(join(folder, 'bucket'), { mode: 0o700 });
    const { uid, gid } = serverAccount ?? {};
    if (uid !== undefined) for (const path of [folder, join(folder, 'bucket')]) chownSync(path, uid, gid!);
    daemon = new DaemonProcess(folder, rds.environment);
    await daemon.start();
  });
  after(async () => {
    await daemon.end();
    await rds.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('are told of by status, with what would be lost as RDS says it', async () => {
    const ended = await daemon.run(['status']);
    assert.equal(ended.exitCode, 0, said(ended));
    assert.match(ended.stdout, /^ledger\n {2}RDS {5}instance ledger-db 16\.4: available\n {2}window {2}\S+Z to \S+Z\n/);
    assert.match(ended.stdout, / {2}RPO {5}2m( \d+s)?, promised at most 10m: RDS restores to any instant until then\n/);
    assert.match(ended.stdout, /\nbooks\n {2}RDS {5}cluster books-cluster 16\.4: available\n/);
    const json = JSON.parse((await daemon.run(['status', '--source', 'ledger', '--json'])).stdout);
    assert.deepEqual([json.sources.length, json.sources[0].database], [1, 'instance ledger-db']);
  });

  test('are backed up by a snapshot and its copy, which backups lists', async () => {
    const ended = await daemon.run(['backup', '--source', 'ledger']);
    assert.equal(ended.exitCode, 0, said(ended));
    assert.match(ended.stdout, /^snapshot lifeboat-ledger-\S+ is there: 100 GiB, copied to eu-west-1\n$/);
    await daemon.run(['status']);
    const listed = await daemon.run(['backups', '--source', 'ledger']);
    assert.match(
      listed.stdout,
      /^SNAPSHOT .*\nlifeboat-ledger-\S+ +this plan +available +100 GiB +\S+Z +16\.4 +eu-west-1\n$/,
    );
    const evidence = await daemon.run(['evidence']);
    assert.match(evidence.stdout, /snapshot lifeboat-ledger-\S+ of ledger-db, 100 GiB, copied to eu-west-1/);
  });

  test('keep the snapshots that the rules keep, in both regions; backups lists what is left', async () => {
    for (const age of [30, 20, 8]) addOwnSnapshot(rds.regions, new Date(), age);
    rds.regions.addSnapshot(home, 'instance', { id: 'by-hand', of: 'ledger-db', createdAt: new Date(0) });
    const shown = await daemon.run(['expire', 'ledger', '--dry-run']);
    assert.equal(shown.exitCode, 0, said(shown));
    assert.match(shown.stdout, /\nlifeboat-ledger-n30 +eu-west-1 +\S+Z +goes +older than the window of 7d\n/);
    assert.match(shown.stdout, /\nlifeboat-ledger-n8 +eu-central-1 +\S+Z +stays +window\n/);
    assert.equal(rds.regions.snapshots(home, 'instance').length, 5);
    const ended = await daemon.run(['expire', 'ledger', '--requested-by', 'ada']);
    assert.equal(ended.exitCode, 0, said(ended));
    assert.match(ended.stdout, /^4 snapshots of ledger deleted: 2 in eu-central-1, 2 in eu-west-1\n/);
    assert.deepEqual(
      [home, away].map((region) => rds.regions.snapshots(region, 'instance').length),
      [3, 2],
    );
    await daemon.run(['status']);
    const listed = JSON.parse((await daemon.run(['backups', '--source', 'ledger', '--json'])).stdout);
    assert.deepEqual(
      listed.snapshots.map((one: Record<string, unknown>) => [one.own, one.copiedTo]),
      [
        [false, null],
        [true, away],
        [true, away],
      ],
    );
    const evidence = await daemon.run(['evidence']);
    assert.match(evidence.stdout, /ada .*4 snapshots of ledger deleted/);
    const again = await daemon.run(['expire', 'ledger']);
    assert.equal(again.exitCode, 0, said(again));
    assert.equal(rds.regions.snapshots(home, 'instance').length, 3);
  });

  test('say in their window which instants there are', async () => {
    const ended = await daemon.run(['window', '--source', 'books']);
    assert.match(ended.stdout, /^FROM .*\n\S+Z +\S+Z +RDS restores to no later instant yet\nthat was /, said(ended));
  });

  test('are restored as new ones, when somebody has said yes', async () => {
    const args = ['rds-restore', '--source', 'books', '--to', 'books-back', '--instance-class', 'db.r6g.large'];
    const restoring = daemon.run(args);
    let asked: { execution: string; planHash: string }[] = [];
    await until('somebody is asked', async () => {
      const { stdout } = await daemon.run(['status', '--json']);
      asked = JSON.parse(stdout).questions;
      return asked.length > 0;
    });
    const [{ execution, planHash }] = asked as [(typeof asked)[number]];
    const yes = ['approve', execution.split(':').at(-1)!, '--plan', planHash, '--as', 'ada', '--reason', 'seen'];
    const approved = await daemon.run(yes);
    assert.equal(approved.exitCode, 0, said(approved));
    const ended = await restoring;
    assert.equal(ended.exitCode, 0, said(ended));
    assert.match(ended.stdout, /books-back/);
    assert.equal(rds.regions.database(home, 'instance', 'books-back-1')?.cluster, 'books-back');
  });

  const refused: [args: string[], message: RegExp][] = [
    [['rds-restore', '--source', 'ledger', '--to', 'a--b'], /^lifeboat: to: "a--b" is not allowed/],
    [['backup', '--source', 'ledger', '--type', 'full'], /ledger is a database that RDS runs/],
    [['restore', '--source', 'ledger', '--to', '/srv/x'], /HINT: .*lifeboat rds-restore/],
    [['drill', '--source', 'ledger'], /HINT: ledger is a database that RDS runs/],
  ];
  for (const [args, message] of refused) {
    test(`lifeboat ${args.join(' ')} says what it is for`, async () => {
      const ended = await daemon.run(args);
      assert.notEqual(ended.exitCode, 0);
      assert.match(ended.stderr, message);
    });
  }
});
