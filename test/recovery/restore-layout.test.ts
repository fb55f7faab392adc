import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputInvalid } from '#model/failure';
import { archiveRoot, memberPath, planLayout } from '#recovery/restore-layout';

const tablespaces = [
  { oid: '16385', location: '/srv/fast' },
  { oid: '16386', location: '/srv/slow disk' },
];
const layout = planLayout('/restored', tablespaces, []);

const refused = (field: string, pattern: RegExp) => (failure: unknown) => {
  assert.ok(failure instanceof InputInvalid, String(failure));
  assert.equal(failure.field, field);
  assert.match(failure.message, pattern);
  return true;
};

test('without mappings, tablespaces go where they were', () => {
  assert.deepEqual(
    [...layout.tablespaces],
    [
      ['16385', '/srv/fast'],
      ['16386', '/srv/slow disk'],
    ],
  );
});

test('a tablespace is moved by its old location or by its oid', () => {
  const moved = planLayout('/restored', tablespaces, ['/srv/slow disk=/new/slow=er', '16385=/new/fast/../faster']);
  assert.deepEqual(
    [...moved.tablespaces],
    [
      ['16385', '/new/faster'],
      ['16386', '/new/slow=er'],
    ],
  );
});

test('two tablespaces may change places', () => {
  const swapped = planLayout('/restored', tablespaces, ['16385=/srv/slow disk', '16386=/srv/fast']);
  assert.deepEqual(
    [...swapped.tablespaces],
    [
      ['16385', '/srv/slow disk'],
      ['16386', '/srv/fast'],
    ],
  );
});

test('a tablespace in place lies inside the restored data directory', () => {
  const inPlace = planLayout('/restored', [{ oid: '16390', location: 'pg_tblspc/16390' }], []);
  assert.equal(inPlace.tablespaces.get('16390'), '/restored/pg_tblspc/16390');
});

for (const mapping of [
  '',
  '/srv/fast',
  '=/new',
  '/srv/unknown=/new',
  '16385=',
  '16385=new/place',
  '16385=./new',
  '999=/new',
]) {
  test(`the mapping "${mapping}" is refused with what may be mapped`, () => {
    const allowed =
      /OLD=NEW, NEW an absolute path, OLD one of the backup's: 16385 \(\/srv\/fast\), 16386 \(\/srv\/slow disk\)/;
    assert.throws(() => planLayout('/restored', tablespaces, [mapping]), refused('tablespace', allowed));
  });
}

test('a mapping is refused where there is no tablespace', () => {
  assert.throws(() => planLayout('/restored', [], ['/a=/b']), refused('tablespace', /OLD one of the backup's: none/));
});

for (const place of ['/srv/fast', '/srv/fast/', '/srv//fast', '/srv/x/../fast']) {
  test(`two tablespaces in one place are refused, though it is written "${place}"`, () => {
    const message = /a place of its own for tablespace 16386: it is tablespace 16385's/;
    assert.throws(() => planLayout('/restored', tablespaces, [`16386=${place}`]), refused('tablespace', message));
  });
}

for (const place of ['/restored', '/restored/', '/restored/ts', '/restored/base/5']) {
  test(`a tablespace at ${place} is refused: the data directory is there`, () => {
    const message = /a place of its own for tablespace 16385: it is the data directory's/;
    assert.throws(() => planLayout('/restored', tablespaces, [`16385=${place}`]), refused('tablespace', message));
  });
}

test('a tablespace inside another, or around the data directory, is refused', () => {
  const inside = /a place of its own for tablespace 16386: it is tablespace 16385's/;
  assert.throws(() => planLayout('/restored', tablespaces, ['16386=/srv/fast/deep']), refused('tablespace', inside));
  const around = /a place of its own for tablespace 16386: it is tablespace 16385's/;
  assert.throws(
    () => planLayout('/restored', tablespaces, ['16385=/srv/a/b', '16386=/srv/a']),
    refused('tablespace', around),
  );
  const root = /a place of its own for tablespace 16385: it is the data directory's/;
  assert.throws(() => planLayout('/restored', tablespaces, ['16385=/']), refused('tablespace', root));
});

test('places that only begin alike are different ones', () => {
  const places = planLayout('/restored', tablespaces, ['16385=/restored2', '16386=/restored-too']).tablespaces;
  assert.deepEqual([...places.values()], ['/restored2', '/restored-too']);
});

test('archives have their roots; one that the manifest does not know has none', () => {
  assert.equal(archiveRoot(layout, 'base'), '/restored');
  assert.equal(archiveRoot(layout, '16386'), '/srv/slow disk');
  assert.throws(() => archiveRoot(layout, '16387'), refused('archive', /base or a tablespace of the manifest/));
});

test('members lie below the root of their archive', () => {
  assert.equal(memberPath(layout, 'base', 'base/5/2619'), '/restored/base/5/2619');
  assert.equal(memberPath(layout, '16385', 'PG_18_202506291/5/16400'), '/srv/fast/PG_18_202506291/5/16400');
  assert.equal(memberPath(layout, 'base', '..name/a..b/...'), '/restored/..name/a..b/...');
  assert.equal(memberPath(layout, 'base', 'pg_tblspc/16385'), '/restored/pg_tblspc/16385');
});

const hostile = [
  '',
  '..',
  '.',
  '/etc/passwd',
  '../outside',
  'base/../../outside',
  'base/..',
  'base/./5',
  'base//5',
  'base/5/',
  '/',
  'base/5\0/x',
  '\0',
];
for (const archive of ['base', '16385']) {
  for (const path of hostile) {
    test(`${archive}: the member ${JSON.stringify(path)} is refused`, () => {
      const message = new RegExp(`a path inside ${archive}\\.tar's own folder`);
      assert.throws(() => memberPath(layout, archive, path), refused('archive member', message));
    });
  }
}

test("nothing is written through a tablespace's link", () => {
  for (const path of ['pg_tblspc/16385/PG_18/5/1', 'pg_tblspc/16386/x']) {
    assert.throws(() => memberPath(layout, 'base', path), refused('archive member', /a path inside base\.tar/));
  }
  // A folder of the base archive, not a link.
  assert.equal(memberPath(layout, 'base', 'pg_tblspc/999/x'), '/restored/pg_tblspc/999/x');
  assert.equal(memberPath(layout, '16385', 'pg_tblspc/16385/x'), '/srv/fast/pg_tblspc/16385/x');
});
