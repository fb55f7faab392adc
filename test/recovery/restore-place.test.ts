import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { InputInvalid, RestoreFailed } from '#model/failure';
import {
  checkPlaces,
  clearPlaces,
  type PlaceOptions,
  placeState,
  releaseTablespaces,
  takePlaces,
} from '#recovery/restore-place';
import { recordName, writeRecord } from '#recovery/restore-record';
import { heldBack } from '#recovery/write-archive';

const root = mkdtempSync(join(tmpdir(), 'lifeboat-place-'));
after(() => rmSync(root, { recursive: true, force: true }));

let places = 0;
/** A place with these files; none is made without any. */
function place(files?: Record<string, string>): string {
  const path = join(root, `place-${places++}`);
  if (!files) return path;
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const restorer = { host: 'here', pid: process.pid };

const options = (more: Partial<PlaceOptions> = {}): PlaceOptions => ({
  setAside: false,
  neededBytes: 1,
  untouchable: [],
  now: new Date('2026-11-20T05:13:45.123Z'),
  restorer,
  ...more,
});

const restoring = { [recordName]: '{ "state": "restoring" }\n' };
const cluster = { PG_VERSION: '18\n', 'base/5/2619': 'rows' };

test('a place is missing, empty, left over from a restore, or occupied', () => {
  assert.equal(placeState(place()), 'missing');
  assert.equal(placeState(place({})), 'empty');
  assert.equal(placeState(place({ 'lost+found/x': '' })), 'empty', "a file system's own folder is nothing");
  assert.equal(placeState(place(cluster)), 'occupied');
  assert.equal(placeState(place({ ...restoring, 'base/5/2619': 'half' })), 'left over');
});

test('what a restore left is left over until a server ended recovery there, or until the restore kept it', () => {
  const control = { [heldBack.path]: 'control' };
  assert.equal(placeState(place({ ...restoring, [heldBack.name]: 'control' })), 'left over');
  assert.equal(placeState(place({ ...restoring, ...control, 'recovery.signal': '' })), 'left over');
  assert.equal(placeState(place({ ...restoring, ...control })), 'occupied');
  assert.equal(placeState(place({ [recordName]: '{ "state": "restored" }' })), 'occupied');
  for (const garbage of ['', '{', 'null', '[]', '"restoring"']) {
    assert.equal(placeState(place({ [recordName]: garbage, PG_VERSION: '18' })), 'occupied', garbage);
  }
});

test('a file in the place of a directory is refused', () => {
  const file = place();
  writeFileSync(file, 'precious');
  const unusable = /is not allowed: expected a directory that this account may write to, got ENOTDIR/;
  assert.throws(() => placeState(file), unusable);
  assert.throws(() => checkPlaces([file], options({ setAside: true })), unusable);
  assert.equal(readFileSync(file, 'utf8'), 'precious');
});

test('an occupied place is refused with what can be done, whichever of the places it is', () => {
  const occupied = place(cluster);
  assert.throws(
    () => checkPlaces([place(), place({}), occupied], options()),
    (failure: unknown) => {
      assert.ok(failure instanceof InputInvalid);
      assert.equal(
        failure.message,
        `restore directory: "${occupied}" is not allowed: expected a missing or empty directory`,
      );
      assert.match(failure.hint!, /--to, --tablespace OLD=NEW.*--set-aside/);
      return true;
    },
  );
  assert.deepEqual(readdirSync(occupied).sort(), ['PG_VERSION', 'base'], 'nothing was touched');
});

test('missing, empty and left over places are fine, an occupied one where it may be set aside', () => {
  checkPlaces([place(), place({}), place(restoring)], options());
  checkPlaces([place(cluster)], options({ setAside: true }));
});

for (const setAside of [false, true]) {
  test(`the place of a running server is refused, ${setAside ? 'also to be set aside' : 'and the hint says to stop it'}`, () => {
    const running = place({ ...cluster, 'postmaster.pid': `${process.pid}\n/data\n` });
    assert.throws(
      () => checkPlaces([running], options({ setAside })),
      (failure: unknown) => {
        assert.ok(failure instanceof InputInvalid);
        assert.match(failure.message, /expected one without a running server$/);
        assert.equal(failure.hint, `stop the server first: pg_ctl stop -D ${running}`);
        return true;
      },
    );
  });
}

test('a server in single-user mode runs, too: its pid is written as a negative number', () => {
  const running = place({ ...cluster, 'postmaster.pid': `-${process.pid}\n` });
  assert.throws(() => checkPlaces([running], options({ setAside: true })), /one without a running server/);
});

test("a dead server's pid file does not keep a place", () => {
  for (const text of ['4194999\n', '', 'garbage']) {
    checkPlaces([place({ ...cluster, 'postmaster.pid': text })], options({ setAside: true }));
  }
});

test('a disk that is too small is refused with both numbers, though the place is not there yet', () => {
  const deep = join(place(), 'deep', 'er');
  assert.throws(
    () => checkPlaces([deep], options({ neededBytes: 1e18 })),
    (failure: unknown) => {
      assert.ok(failure instanceof RestoreFailed);
      assert.match(failure.message, /er: 1000000000000000000 bytes are needed, \d+ are free$/);
      return true;
    },
  );
  assert.ok(!existsSync(deep));
});

test('taken places are there, ours alone, and each says that it is being restored, and by whom', () => {
  const [data, space] = [place(), join(place(), 'deep')];
  assert.equal(takePlaces([data, space], options()).size, 0);
  for (const taken of [data, space]) {
    assert.equal(statSync(taken).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(taken), [recordName]);
    assert.deepEqual(JSON.parse(readFileSync(join(taken, recordName), 'utf8')), {
      state: 'restoring',
      startedAt: '2026-11-20T05:13:45.123Z',
      ...restorer,
    });
    assert.equal(placeState(taken), 'left over');
  }
  releaseTablespaces([data, space]);
  assert.deepEqual([readdirSync(data), readdirSync(space)], [[recordName], []]);
});

/** A process that looks like a restore of ours, until it is told to end. */
function restoreProcess(): ChildProcess {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()', 'restore'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  after(() => child.kill());
  return child;
}

test('a place that another restore still writes to is refused, also to be set aside', async () => {
  const other = restoreProcess();
  await once(other, 'spawn');
  const data = place();
  takePlaces([data], options({ restorer: { host: 'here', pid: other.pid! } }));
  for (const setAside of [false, true]) {
    assert.throws(
      () => checkPlaces([data], options({ setAside })),
      /expected one that no other restore is writing to$/,
    );
  }
  checkPlaces([data], options({ restorer: { host: 'elsewhere', pid: 1 } })); // a number of another machine tells nothing
  other.stdin!.end();
  await once(other, 'exit');
  checkPlaces([data], options());
});

test('a tablespace of a running server is refused, though it does not know its cluster', async () => {
  const space = place({ 'PG_18_202506291/5/16400': 'rows' });
  const data = place(cluster);
  mkdirSync(join(data, 'pg_tblspc'));
  symlinkSync(space, join(data, 'pg_tblspc', '16385'));
  const server = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    cwd: data,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(server, 'spawn');
  writeFileSync(join(data, 'postmaster.pid'), `${server.pid}\n`);
  const refused = (...tried: string[]) =>
    assert.throws(
      () => checkPlaces([place(), ...tried], options({ setAside: true })),
      /expected one without a running server$/,
    );
  refused(space);
  const link = place();
  symlinkSync(space, link);
  refused(link);
  refused(`${space}/../${basename(space)}/`);
  server.stdin!.end();
  await once(server, 'exit');
  checkPlaces([place(), space], options({ setAside: true }));
});

test('what is around a running server, or inside of its folders, is refused: to rename it would take them away', async () => {
  const around = place({ 'pgdata/PG_VERSION': '18\n', 'other/file': 'x' });
  const wal = place({ '000000010000000000000001': 'wal' });
  const data = join(around, 'pgdata');
  symlinkSync(wal, join(data, 'pg_wal'));
  const server = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    cwd: data,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(server, 'spawn');
  writeFileSync(join(data, 'postmaster.pid'), `${server.pid}\n`);
  for (const tried of [around, join(data, 'restored'), wal, join(wal, 'deep', 'er')]) {
    assert.throws(() => checkPlaces([tried], options({ setAside: true })), /without a running server$/, tried);
  }
  checkPlaces([join(around, 'other'), join(around, 'pgdata-2')], options({ setAside: true }));
  server.stdin!.end();
  await once(server, 'exit');
  checkPlaces([around], options({ setAside: true }));
});

test('the bucket is no place to restore to, nor is what it lies in', () => {
  const around = place({ 'bucket/main/backups/x': 'a backup', 'other/x': '' });
  const bucket = join(around, 'bucket');
  for (const tried of [bucket, around, join(bucket, 'restored')]) {
    const untouchable = [bucket];
    assert.throws(() => checkPlaces([tried], options({ setAside: true, untouchable })), /neither in .* nor around it$/);
  }
  checkPlaces([join(around, 'other')], options({ setAside: true, untouchable: [bucket] }));
});

test('what is set aside is renamed, never erased', () => {
  const [data, space] = [place(cluster), place({ rows: 'x' })];
  const aside = takePlaces([data, space], options({ setAside: true }));
  const names = [...aside.values()];
  assert.deepEqual(names, [`${data}.set-aside-20261120T051345Z`, `${space}.set-aside-20261120T051345Z`]);
  assert.equal(readFileSync(join(names[0]!, 'base/5/2619'), 'utf8'), 'rows');
  assert.equal(readFileSync(join(names[1]!, 'rows'), 'utf8'), 'x');
  assert.deepEqual(readdirSync(data), [recordName]);
});

test('what was left over is emptied, and nothing beside it', () => {
  const outside = place(cluster);
  const data = place({ ...restoring, 'base/5/2619': 'half' });
  symlinkSync(outside, join(data, 'link'));
  assert.equal(takePlaces([data], options()).size, 0);
  assert.deepEqual(readdirSync(data), [recordName]);
  assert.equal(readFileSync(join(outside, 'base/5/2619'), 'utf8'), 'rows', 'links are not followed');
});

test('a restore that failed gives back what was set aside', () => {
  const [data, space, fresh] = [place(cluster), place({ rows: 'x' }), place()];
  const places = [data, space, fresh];
  const aside = takePlaces(places, options({ setAside: true }));
  writeFileSync(join(data, 'half'), '');
  clearPlaces(places, aside);
  assert.deepEqual(readdirSync(data).sort(), ['PG_VERSION', 'base']);
  assert.deepEqual(readdirSync(space), ['rows']);
  for (const name of aside.values()) assert.ok(!existsSync(name));
});

test('a cluster that is set aside keeps its own tablespaces: its links follow them, and come back with them', () => {
  const [data, space] = [place(cluster), place({ rows: 'x' })];
  mkdirSync(join(data, 'pg_tblspc'));
  symlinkSync(space, join(data, 'pg_tblspc/16385'));
  symlinkSync('/somewhere/else', join(data, 'pg_tblspc/16386'));
  const aside = takePlaces([data, space], options({ setAside: true }));
  const link = (of: string, oid: number) => readlinkSync(join(of, 'pg_tblspc', String(oid)));
  assert.equal(link(aside.get(data)!, 16385), aside.get(space));
  assert.equal(link(aside.get(data)!, 16386), '/somewhere/else');
  clearPlaces([data, space], aside);
  assert.equal(link(data, 16385), space);
});

test('when one of the places cannot be taken, the others are as before', () => {
  const data = place(cluster);
  const file = place();
  writeFileSync(file, '');
  assert.throws(() => takePlaces([data, join(file, 'inside')], options({ setAside: true })));
  assert.deepEqual(readdirSync(data).sort(), ['PG_VERSION', 'base']);
});

test('a record is for us alone', () => {
  const data = place({});
  writeRecord(data, { state: 'restored' });
  assert.equal(statSync(join(data, recordName)).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(readFileSync(join(data, recordName), 'utf8')), { state: 'restored' });
});

test('is cleared also while a command that its server began still writes there', async () => {
  const data = place({ PG_VERSION: '18' });
  // makes files in pg_wal, and the folder where it is gone, for half a second
  const program = `const fs = require('node:fs');
    fs.mkdirSync('pg_wal');
    process.stdout.write('begun');
    for (let n = 0, until = Date.now() + 500; Date.now() < until; n++) {
      try { fs.writeFileSync('pg_wal/' + n, ''); } catch { try { fs.mkdirSync('pg_wal'); } catch {} }
    }`;
  const child = spawn(process.execPath, ['-e', program], { cwd: data, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  clearPlaces([data], new Map());
  if (child.exitCode === null) await once(child, 'exit');
  clearPlaces([data], new Map());
  assert.deepEqual(readdirSync(data), []);
});
