import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { RestoreFailed } from '#model/failure';
import { drillsFolder, removeDeadDrills, takeDrillPlace } from '#tasks/drill-place';

const root = mkdtempSync(join(tmpdir(), 'lifeboat-drill-place-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
let parent: string;
beforeEach(() => {
  parent = join(root, String(++count));
});

const ownerOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'lifeboat.drill.json'), 'utf8'));

/** What a drill leaves whose process is gone. */
async function deadDrill(name: string): Promise<string> {
  const { folder } = takeDrillPlace(parent, name);
  const child = spawn('true');
  await once(child, 'exit');
  writeFileSync(join(folder, 'lifeboat.drill.json'), JSON.stringify({ ...ownerOf(folder), pid: child.pid }));
  mkdirSync(join(folder, 'data'));
  return folder;
}

describe("a drill's place", () => {
  test('is a folder that the server gets through to, and that says whose it is', () => {
    const place = takeDrillPlace(join(parent, 'deep'), 'one-drill');
    assert.equal(statSync(place.folder).mode & 0o777, 0o711);
    assert.equal(statSync(join(place.folder, 'tablespaces')).mode & 0o777, 0o711);
    assert.equal(ownerOf(place.folder).pid, process.pid);
    assert.ok(!existsSync(place.dataDir));
    const spaces = [
      { oid: '16384', location: '/mnt/fast' },
      { oid: '16385', location: 'pg_tblspc/16385' },
    ];
    assert.deepEqual(place.mappings(spaces), [`16384=${place.folder}/tablespaces/16384`]);
    place.remove();
    assert.deepEqual(readdirSync(join(parent, 'deep')), []);
  });

  test('is taken once', () => {
    const place = takeDrillPlace(parent, 'one');
    assert.throws(
      () => takeDrillPlace(parent, 'one'),
      (failure) => failure instanceof RestoreFailed && /one cannot be made/.test(failure.message),
    );
    assert.deepEqual(readdirSync(parent), ['one']);
    place.remove();
  });

  test('is where the environment says', () => {
    assert.equal(drillsFolder({ LIFEBOAT_DRILL_DIR: '/mnt/drills' }), '/mnt/drills');
    assert.equal(drillsFolder({}), tmpdir());
    assert.equal(drillsFolder({ LIFEBOAT_DRILL_DIR: '' }), tmpdir());
  });
});

describe('what dead drills left', () => {
  test('is removed, and nothing is where there is no folder', async () => {
    assert.deepEqual(await removeDeadDrills(parent), []);
    const [a, b] = [await deadDrill('a'), await deadDrill('b')];
    assert.deepEqual(await removeDeadDrills(parent), [a, b]);
    assert.deepEqual(readdirSync(parent), []);
  });

  test('is told from a drill that lives', async () => {
    const living = takeDrillPlace(parent, 'living');
    assert.deepEqual(await removeDeadDrills(parent), []);
    // the same number, but begun at another time, or before the machine was started
    for (const other of [{ startTime: '1' }, { bootId: 'other' }]) {
      writeFileSync(
        join(living.folder, 'lifeboat.drill.json'),
        JSON.stringify({ ...ownerOf(living.folder), ...other }),
      );
      assert.deepEqual(await removeDeadDrills(parent), [living.folder]);
      takeDrillPlace(parent, 'living');
    }
  });

  test("is told from another machine's, from what is none of ours, and from links", async () => {
    const elsewhere = await deadDrill('elsewhere');
    writeFileSync(join(elsewhere, 'lifeboat.drill.json'), JSON.stringify({ ...ownerOf(elsewhere), host: 'elsewhere' }));
    mkdirSync(join(parent, 'other'));
    writeFileSync(join(parent, 'file'), '');
    writeFileSync(join(await deadDrill('torn'), 'lifeboat.drill.json'), '{"pid":');
    const linked = await deadDrill('real');
    const outside = join(root, 'outside');
    renameSync(linked, outside);
    symlinkSync(outside, join(parent, 'link'));
    assert.deepEqual(await removeDeadDrills(parent), []);
    assert.ok(existsSync(join(outside, 'data')));
    assert.deepEqual(readdirSync(parent), ['elsewhere', 'file', 'link', 'other', 'torn']);
  });

  test("is told from another user's, who could have laid it out for us", async (t) => {
    if (userInfo().uid !== 0) return t.skip('only root can give a folder to somebody else');
    chownSync(await deadDrill('theirs'), 65534, 65534);
    assert.deepEqual(await removeDeadDrills(parent), []);
  });

  test('does not lead out of the folder by a link inside', async () => {
    const folder = await deadDrill('a');
    const precious = join(root, 'precious');
    mkdirSync(precious);
    writeFileSync(join(precious, 'file'), 'mine');
    symlinkSync(precious, join(folder, 'data', 'link'));
    assert.deepEqual(await removeDeadDrills(parent), [folder]);
    assert.deepEqual(readdirSync(precious), ['file']);
  });
});
