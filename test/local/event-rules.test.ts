import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { matchingRules, readEventRules, ruleExecutionName } from '#local/event-rules';
import { backupId } from '#model/backup-id';
import { InputInvalid } from '#model/failure';
import { isAnnounced, objectCreated, objectCreatedEvent } from '#model/object-created';
import {
  backupObjectKey,
  catalogKey,
  evidenceKey,
  exposureKey,
  leaseKey,
  manifestKey,
  noticeTakenKey,
  taskResultKey,
  verifiedKey,
} from '#store/bucket-layout';

const content = readFileSync(new URL('../../statemachines/rules.json', import.meta.url), 'utf8');
const id = backupId(new Date('2026-11-20T05:13:45.123Z'), 'full');
const stored = (key: string, etag = '"abc"') => ({
  key,
  size: 5,
  etag,
  lastModified: new Date('2026-11-20T06:00:00.250Z'),
});
const manifest = manifestKey('main', id);
const wal = ['segment', '.00000000-0001A2B0', '.partial'].map(
  (end) => `main/wal/7421/00000001/0000000100000000000000${end === 'segment' ? '03' : `03${end}`}`,
);

describe('the rules', () => {
  for (const bucket of ['/srv/bucket', 's3://company', 's3://company/db/backups/wal', 's3://company/a*b\\c']) {
    const rules = readEventRules(content, bucket, ['main', 'other']);
    const started = (key: string, from = bucket) =>
      matchingRules(rules, objectCreatedEvent(from, stored(key))).map(({ target }) => Object.values(target)[0]);

    test(`of ${bucket}: a manifest is verified by a machine, everything announced is read back and indexed`, () => {
      assert.deepEqual(started(manifest), ['checksum-verifier', 'metadata-indexer', 'verify']);
      for (const key of [...wal, 'main/wal/7421/00000002.history']) {
        assert.ok(isAnnounced(key));
        assert.deepEqual(started(key), ['checksum-verifier', 'metadata-indexer'], key);
      }
    });

    test(`of ${bucket}: what a rule's target stores starts nothing, or it would never end`, () => {
      for (const key of [
        verifiedKey('main', manifest, 'abc'),
        verifiedKey('main', wal[0]!, 'abc'),
        catalogKey('wal'),
        evidenceKey(1),
      ]) {
        assert.deepEqual(started(key), [], key);
        assert.ok(!isAnnounced(key));
      }
    });

    test(`of ${bucket}: parts of backups and whatever else lies in the bucket start nothing`, () => {
      for (const key of [
        backupObjectKey('main', id, 'base.tar.000000'),
        backupObjectKey('main', id, 'index.jsonl'),
        leaseKey('main', 'backup'),
        taskResultKey('backup', 'full-main-20261120T020000Z', 'base-backup-main'),
        noticeTakenKey('n', 'slack'),
        exposureKey('main'),
      ]) {
        assert.deepEqual(started(key), [], key);
      }
    });

    test(`of ${bucket}: so do sources that the plan does not have`, () => {
      assert.deepEqual(started(manifestKey('other', id)), ['checksum-verifier', 'metadata-indexer', 'verify']);
      assert.deepEqual(started(manifestKey('gone', id)), []);
      assert.deepEqual(started(manifestKey('xmain', id)), []);
    });

    test(`of ${bucket}: other buckets start nothing`, () => {
      assert.deepEqual(started(manifest, 's3://another'), []);
    });
  }

  test('name an execution after the object and its generation, so that an event that comes twice starts one', () => {
    const [, , verify] = readEventRules(content, '/srv/bucket', ['main']);
    const name = (key: string, etag?: string) =>
      ruleExecutionName(verify!, objectCreatedEvent('/srv/bucket', stored(key, etag)));
    assert.match(name(manifest), /^main-backups-20261120T051345123Z-full-[0-9a-f]{12}$/);
    assert.equal(name(manifest), name(manifest, 'abc'));
    assert.notEqual(name(manifest), name(manifest, 'def'));
    const long = name(manifestKey('a'.repeat(63), id));
    assert.ok(long.length <= 80 && /^[\w-]+$/.test(long), long);
    assert.notEqual(long, name(manifestKey(`${'a'.repeat(62)}b`, id)));
  });
});

describe('rules are refused', () => {
  const rule = { name: 'a', description: '', pattern: { source: ['x'] }, target: { function: 'f' } };
  const cases: [string, unknown][] = [
    ['no JSON', '{'],
    ['another key', JSON.stringify([{ ...rule, more: 1 }])],
    ['two targets', JSON.stringify([{ ...rule, target: { function: 'f', stateMachine: 'm' } }])],
    ['one name twice', JSON.stringify([rule, rule])],
    ['a bad pattern', JSON.stringify([{ ...rule, pattern: { source: 'x' } }])],
  ];
  for (const [name, text] of cases) {
    test(name, () => assert.throws(() => readEventRules(text as string, '/x', ['main']), InputInvalid));
  }
});

describe('the event of an object', () => {
  test('is what EventBridge sends, and always the same for the same generation', () => {
    const event = objectCreatedEvent('s3://company/db', stored(manifest));
    assert.deepEqual(event, objectCreatedEvent('s3://company/db', stored(manifest)));
    assert.deepEqual(event, {
      version: '0',
      id: event.id,
      'detail-type': 'Object Created',
      source: 'aws.s3',
      account: '000000000000',
      time: '2026-11-20T06:00:00Z',
      region: 'local',
      resources: ['arn:aws:s3:::company'],
      detail: {
        version: '0',
        bucket: { name: 'company' },
        object: { key: `db/${manifest}`, size: 5, etag: 'abc', sequencer: '000001A1F78A53FA' },
        'request-id': event.detail['request-id'],
        requester: '000000000000',
        'source-ip-address': '127.0.0.1',
        reason: 'PutObject',
      },
    });
    assert.match(String(event.id), /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.deepEqual(objectCreated.parse(event), event);
    assert.notEqual(event.id, objectCreatedEvent('s3://company/db', stored(manifest, 'def')).id);
  });

  test('of a directory has the key as it is', () => {
    assert.equal(objectCreatedEvent('/srv/bucket', stored(manifest)).detail.object.key, manifest);
  });
});
