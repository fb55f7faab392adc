import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathOfFolder, pathOfObject, readElement } from '#store/directory-names';

test('common keys lie where their names say', () => {
  for (const key of ['pg/backups/20260101T000000Z-full/base.tar.000000', 'pg/leases/writer.json', 'manifest.json']) {
    assert.equal(pathOfObject(key), key);
  }
  assert.equal(pathOfFolder('pg/backups/'), 'pg/backups');
  assert.equal(pathOfFolder(''), '');
});

// These names are on people's disks: an object that is spelled otherwise is not found any more.
// Whoever changes one has to say how existing directories are moved, in docs/decisions/.
test('uncommon keys are spelled like this', () => {
  const spelled = {
    a: 'a%',
    'a/b.c': 'a/b.c',
    'a.b/c': 'a.b%/c%',
    '': '%%',
    '/': '%/%%',
    'a//b': 'a/%/b%',
    '.': '%2E',
    '..': '%2E.',
    '../x.y': '%2E.%/x.y',
    '.hidden/x.y': '%2Ehidden%/x.y',
    'a%/b%.c': 'a%25/b%25.c',
    'line\nfeed.x': 'line%0Afeed.x',
    'lost+found/x.y': 'lost%2Bfound/x.y',
    [`${'x'.repeat(200)}`]: `${'x'.repeat(200)}%`,
    [`${'x'.repeat(201)}`]: `${'x'.repeat(200)}%+/x%`,
    [`${'x'.repeat(201)}/y.z`]: `${'x'.repeat(200)}%+/x/y.z`,
    [`${'ü'.repeat(101)}.z`]: `${'ü'.repeat(100)}%+/ü.z`,
  };
  for (const [key, path] of Object.entries(spelled)) assert.equal(pathOfObject(key), path);
});

test('what a path element says is read back, and foreign files stand for nothing', () => {
  assert.deepEqual(readElement('base.tar', false), { name: 'base.tar', kind: 'object' });
  assert.deepEqual(readElement('a%', false), { name: 'a', kind: 'object' });
  assert.deepEqual(readElement('backups', true), { name: 'backups', kind: 'folder' });
  assert.deepEqual(readElement('a.b%', true), { name: 'a.b', kind: 'folder' });
  assert.deepEqual(readElement('%', true), { name: '', kind: 'folder' });
  assert.deepEqual(readElement('%%', false), { name: '', kind: 'object' });
  assert.deepEqual(readElement('abc%+', true), { name: 'abc', kind: 'start' });
  const foreign: [string, boolean][] = [
    ['README', false],
    ['a.b%', false],
    ['folder.d', true],
    ['.lifeboat', true],
    ['.hidden', false],
    ['lost+found', true],
    ['a%41.b', false],
    ['%2e.x', false],
  ];
  for (const [element, isDirectory] of foreign) assert.equal(readElement(element, isDirectory), undefined, element);
});
