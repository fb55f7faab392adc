import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { verifyEvidence } from '#catalog/verify-evidence';
import { backupOfDay, KeyedBucket } from '#harness/keyed-bucket';
import type { Ended } from '#harness/run-lifeboat';
import type { WrappingRing } from '#pipeline/data-key';

const [here, there] = ['eu-central-1', 'eu-west-1'];

let bucket: KeyedBucket;
beforeEach(async () => {
  bucket = await KeyedBucket.create();
});
afterEach(() => bucket.close());

function ended(result: Ended, code = 0): Ended {
  assert.equal(result.exitCode, code, `${result.stdout}\n${result.stderr}`);
  return result;
}

const resultOf = ({ stdout }: Ended) => JSON.parse(stdout).sources[0];
const countsOf = (result: Ended) => {
  const { rewrapped, already, current, problemCount } = resultOf(result);
  return { rewrapped, already, current, problemCount };
};

/** Two backups, the WAL of two processes and a history: five data keys. */
async function store(ring: WrappingRing): Promise<void> {
  await bucket.addBackup(backupOfDay(20), ring);
  await bucket.addBackup(backupOfDay(21), ring);
  await bucket.addWal(ring, 3);
  await bucket.addWal(ring, 2);
  await bucket.addHistory(ring);
}
const dataKeys = 5;

describe('after a rekey the new key alone opens everything, and nothing that was stored has changed:', () => {
  type Key = { encryption: string; ring: WrappingRing; from: string[]; end(): void };
  const file = (name: string): Key => {
    const { path, ring } = bucket.keyFile(name);
    return { encryption: `{ keyFile: ${path} }`, ring, from: ['--from-key-file', name], end: () => undefined };
  };
  const kms = (region = here): Key => {
    const key = bucket.kms.keys.create(region);
    const encryption = `{ kmsKey: "${key.arn}" }`;
    return {
      encryption,
      ring: bucket.kmsRing(key.arn),
      from: ['--from-kms-key', key.arn],
      end: () => bucket.kms.keys.delete(key),
    };
  };
  const ways: [name: string, keys: () => { before: Key; after: Key; from: boolean }][] = [
    ['from a key file to another', () => ({ before: file('old.key'), after: file('new.key'), from: true })],
    ['from a key file to KMS', () => ({ before: file('old.key'), after: kms(), from: true })],
    ['from KMS to a key file', () => ({ before: kms(), after: file('new.key'), from: true })],
    ['from one KMS key to another', () => ({ before: kms(), after: kms(), from: false })],
    ['from KMS in one region to another', () => ({ before: kms(), after: kms(there), from: false })],
  ];
  for (const [name, keys] of ways) {
    test(name, async () => {
      const { before, after, from } = keys();
      await store(before.ring);
      const stored = bucket.digests();
      assert.equal((await bucket.unreadableWith(before.encryption)).length, 0);
      const args = ['rekey', '--json', ...(from ? before.from : [])];
      const first = ended(await bucket.lifeboat(bucket.plan(after.encryption), ...args));
      assert.deepEqual(countsOf(first), { rewrapped: dataKeys, already: 0, current: 0, problemCount: 0 });
      before.end();
      assert.deepEqual(await bucket.unreadableWith(after.encryption), []);
      const now = bucket.digests();
      for (const [key, digest] of stored) assert.equal(now.get(key), digest, key);
      assert.equal(bucket.rewraps().length, dataKeys);

      const again = ended(await bucket.lifeboat(bucket.plan(after.encryption), ...args));
      assert.deepEqual(countsOf(again), { rewrapped: 0, already: dataKeys, current: 0, problemCount: 0 });
      assert.equal(bucket.rewraps().length, dataKeys);
    });
  }
});

test('old keys on further lines of the plan’s own key file need not be named', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  await store(old.ring);
  await bucket.addBackup(backupOfDay(22), fresh.ring);
  const both = join(bucket.folder, 'both.key');
  writeFileSync(both, readFileSync(fresh.path, 'utf8') + readFileSync(old.path, 'utf8'), { mode: 0o600 });
  const result = ended(await bucket.lifeboat(bucket.plan(`{ keyFile: ${both} }`), 'rekey', '--json'));
  assert.deepEqual(countsOf(result), { rewrapped: dataKeys, already: 0, current: 1, problemCount: 0 });
  assert.deepEqual(await bucket.unreadableWith(`{ keyFile: ${fresh.path} }`), []);
});

test('what was re-wrapped is re-wrapped again, without the first key', async () => {
  const [first, second, third] = [bucket.keyFile('1.key'), bucket.keyFile('2.key'), bucket.keyFile('3.key')];
  await store(first.ring);
  const rekey = (to: string, from: string) =>
    bucket.lifeboat(bucket.plan(`{ keyFile: ${to} }`), 'rekey', '--json', '--from-key-file', from);
  ended(await rekey(second.path, first.path));
  assert.equal(countsOf(ended(await rekey(third.path, second.path))).rewrapped, dataKeys);
  assert.deepEqual(await bucket.unreadableWith(`{ keyFile: ${third.path} }`), []);
});

test('--dry-run unwraps everything and puts nothing', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  await store(old.ring);
  const stored = bucket.digests();
  const plan = bucket.plan(`{ keyFile: ${fresh.path} }`);
  const told = ended(await bucket.lifeboat(plan, 'rekey', '--dry-run', '--from-key-file', old.path));
  assert.equal(told.stdout, `orders: 5 data keys would be re-wrapped by ${fresh.id}; 0 were before, 0 are its own\n`);
  assert.deepEqual(bucket.digests(), stored);
  const without = ended(await bucket.lifeboat(plan, 'rekey', '--dry-run'), 8);
  assert.match(without.stdout, /5 FAILED, AND NEED THE OLD KEY/);
});

test('only a backup, only WAL', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  await store(old.ring);
  const plan = bucket.plan(`{ keyFile: ${fresh.path} }`);
  const rekey = async (...args: string[]) =>
    countsOf(ended(await bucket.lifeboat(plan, 'rekey', '--json', '--from-key-file', old.path, ...args)));
  assert.equal((await rekey('--backup', backupOfDay(20))).rewrapped, 1);
  assert.deepEqual(await rekey('--wal'), { rewrapped: 3, already: 0, current: 0, problemCount: 0 });
  assert.deepEqual(await rekey('--wal', '--backup', backupOfDay(20)), {
    rewrapped: 0,
    already: 4,
    current: 0,
    problemCount: 0,
  });
  const left = await bucket.unreadableWith(`{ keyFile: ${fresh.path} }`);
  assert.deepEqual(left, [`orders/backups/${backupOfDay(21)}/manifest.json`]);
});

test('without the old key nothing is claimed: what needs it is told, the rest is done', async () => {
  const [old, lost, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('lost.key'), bucket.keyFile('new.key')];
  await bucket.addBackup(backupOfDay(20), lost.ring);
  await bucket.addBackup(backupOfDay(21), old.ring);
  const plan = bucket.plan(`{ keyFile: ${fresh.path} }`);
  const partly = ended(await bucket.lifeboat(plan, 'rekey', '--from-key-file', old.path), 8);
  assert.match(partly.stdout, /^orders: 1 data key re-wrapped by /);
  assert.match(
    partly.stdout,
    new RegExp(`1 FAILED.*\n  orders/backups/${backupOfDay(20)}/manifest.json: .*key ${lost.id}`),
  );
  const rest = ended(
    await bucket.lifeboat(plan, 'rekey', '--json', '--from-key-file', old.path, '--from-key-file', lost.path),
  );
  assert.deepEqual(countsOf(rest), { rewrapped: 1, already: 1, current: 0, problemCount: 0 });
});

test('killed in the middle of a put it goes on, and puts nothing twice', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  for (let day = 1; day <= 6; day++) await bucket.addBackup(backupOfDay(day), old.ring);
  const plan = bucket.plan(`{ keyFile: ${fresh.path} }`);
  const args = ['rekey', '--json', '--from-key-file', old.path];
  bucket.s3.faults.add({ method: 'PUT', key: /^orders\/keys\//, nth: 3, fault: { kind: 'stall' } });
  const { child, ended: killed } = bucket.start(plan, ...args);
  while (bucket.rewraps().length < 3) await new Promise(setImmediate);
  child.kill('SIGKILL');
  assert.equal((await killed).signal, 'SIGKILL');
  const put = bucket.digests();
  const rest = ended(await bucket.lifeboat(plan, ...args));
  assert.deepEqual(countsOf(rest), { rewrapped: 3, already: 3, current: 0, problemCount: 0 });
  for (const [key, digest] of put) {
    if (key.startsWith('orders/keys/')) assert.equal(bucket.digests().get(key), digest, key);
  }
  assert.deepEqual(await bucket.unreadableWith(`{ keyFile: ${fresh.path} }`), []);
});

test('SIGTERM ends it with 130, and what was re-wrapped until then stands in the evidence', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  await bucket.addBackup(backupOfDay(20), old.ring);
  for (let process = 0; process < 3; process++) await bucket.addWal(old.ring);
  bucket.s3.faults.add({ method: 'GET', key: /^orders\/wal\//, nth: 2, fault: { kind: 'stall' } });
  const { child, ended: stopped } = bucket.start(
    bucket.plan(`{ keyFile: ${fresh.path} }`),
    'rekey',
    '--from-key-file',
    old.path,
  );
  while (!bucket.s3.requests.some((request) => /^GET orders\/wal\//.test(request))) await new Promise(setImmediate);
  child.kill('SIGTERM');
  ended(await stopped, 130);
  const { newest } = JSON.parse(
    ended(await bucket.lifeboat(bucket.plan(`{ keyFile: ${fresh.path} }`), 'evidence', '--json')).stdout,
  );
  assert.match(newest[0].what, new RegExp(`^re-wrapped \\d data keys? of orders by ${fresh.id}$`));
});

test('what cannot be read or was changed is told, and does not stop the others', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  const [archived] = await bucket.addWal(old.ring, 1);
  const [damaged] = await bucket.addWal(old.ring, 1);
  const [changed] = await bucket.addWal(old.ring, 1);
  await bucket.addWal(old.ring, 1);
  bucket.s3.bucket.objects.get(archived!)!.archive = { storageClass: 'GLACIER', state: 'archived' };
  bucket.s3.bucket.objects.get(damaged!)!.bytes[20]! ^= 1;
  const { bytes } = bucket.s3.bucket.objects.get(changed!)!;
  const at = bytes.indexOf('"wrapped":"') + 20;
  bytes[at] = bytes[at] === 65 ? 66 : 65;
  const result = ended(
    await bucket.lifeboat(bucket.plan(`{ keyFile: ${fresh.path} }`), 'rekey', '--json', '--from-key-file', old.path),
    6,
  );
  assert.deepEqual(countsOf(result), { rewrapped: 1, already: 0, current: 0, problemCount: 3 });
  const messages = (resultOf(result).problems as { at: string; message: string }[])
    .toSorted((a, b) => a.at.localeCompare(b.at))
    .map(({ message }) => message);
  assert.match(messages[0]!, /is in GLACIER, and has to be thawed/);
  assert.match(messages[1]!, /has format/);
  assert.match(messages[2]!, /changed or made for something else/);
});

test('nothing is put that was not opened again', async () => {
  const [old, key] = [bucket.keyFile('old.key'), bucket.kms.keys.create(here)];
  for (const day of [20, 21]) await bucket.addBackup(backupOfDay(day), old.ring);
  bucket.kms.denials.push({ action: 'Decrypt', context: new RegExp(backupOfDay(20)) });
  const plan = bucket.plan(`{ kmsKey: "${key.arn}" }`);
  const result = ended(await bucket.lifeboat(plan, 'rekey', '--json', '--from-key-file', old.path), 8);
  assert.deepEqual(countsOf(result), { rewrapped: 1, already: 0, current: 0, problemCount: 1 });
  assert.equal(bucket.rewraps().length, 1);
});

test('a re-wrap that opens nothing is no re-wrap', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  await bucket.addBackup(backupOfDay(20), old.ring);
  const rekey = () => bucket.lifeboat(bucket.plan(`{ keyFile: ${fresh.path} }`), 'rekey', '--from-key-file', old.path);
  ended(await rekey());
  const [key = ''] = bucket.rewraps();
  const content = bucket.s3.bucket.objects.get(key)!.bytes.toString();
  const { wrapped } = JSON.parse(content).wrapped;
  await bucket.store.put(key, Buffer.from(content.replace(wrapped, `${wrapped.slice(0, -4)}AAAA`)));
  const told = ended(await rekey(), 6);
  assert.ok(told.stdout.includes(`${key} does not open`), told.stdout);
  assert.match(told.stdout, /HINT: delete it, and run `lifeboat rekey` again/);
  await bucket.store.delete(key);
  ended(await rekey());
  assert.deepEqual(await bucket.unreadableWith(`{ keyFile: ${fresh.path} }`), []);
});

describe('before anything is touched', () => {
  const refusals: [what: string, encryption: () => string, args: string[], code: number, says: RegExp][] = [
    ['a plan without a key', () => 'none', [], 2, /"none" is not allowed/],
    [
      'an old key file that is not there',
      () => `{ keyFile: ${bucket.keyFile('k').path} }`,
      ['--from-key-file', 'gone.key'],
      8,
      /gone\.key: does not exist/,
    ],
    [
      'an old key that is no ARN',
      () => `{ keyFile: ${bucket.keyFile('k').path} }`,
      ['--from-kms-key', 'alias/old'],
      2,
      /"alias\/old" is not allowed/,
    ],
    [
      'a source that is not in the plan',
      () => `{ keyFile: ${bucket.keyFile('k').path} }`,
      ['--source', 'order'],
      2,
      /did you mean "orders"/,
    ],
    [
      'a list that is to be carried out',
      () => `{ keyFile: ${bucket.keyFile('k').path} }`,
      ['--list', '--dry-run'],
      2,
      /--list needs no key/,
    ],
    [
      'a backup that there is not',
      () => `{ keyFile: ${bucket.keyFile('k').path} }`,
      ['--backup', backupOfDay(1)],
      2,
      /a committed backup of orders/,
    ],
  ];
  for (const [what, encryption, args, code, says] of refusals) {
    test(`${what} is refused`, async () => {
      await bucket.addBackup(backupOfDay(20), bucket.keyFile('old.key').ring);
      const stored = bucket.digests();
      const refused = ended(await bucket.lifeboat(bucket.plan(encryption()), 'rekey', ...args), code);
      assert.match(refused.stderr, says);
      assert.deepEqual(bucket.digests(), stored);
    });
  }

  test('a key that may not wrap is refused, with the right that is missing', async () => {
    const [old, key] = [bucket.keyFile('old.key'), bucket.kms.keys.create(here)];
    await bucket.addBackup(backupOfDay(20), old.ring);
    bucket.kms.denials.push({ action: 'Encrypt' });
    const stored = bucket.digests();
    const plan = bucket.plan(`{ kmsKey: "${key.arn}" }`);
    const refused = ended(await bucket.lifeboat(plan, 'rekey', '--from-key-file', old.path), 8);
    assert.match(refused.stderr, /HINT: give these credentials kms:Encrypt on the key/);
    assert.deepEqual(bucket.digests(), stored);
  });
});

test('an alias of the key that wrapped is no other key, and neither is a replica of it', async () => {
  const primary = bucket.kms.keys.create(here, { multiRegion: true });
  const replica = bucket.kms.keys.replicate(primary, there);
  await store(bucket.kmsRing(primary.arn));
  const plans = [`{ kmsKey: "${bucket.kms.keys.alias(primary, 'lifeboat')}" }`, `{ kmsKey: "${replica.arn}" }`];
  for (const encryption of plans) {
    const result = ended(await bucket.lifeboat(bucket.plan(encryption), 'rekey', '--json'));
    assert.deepEqual(countsOf(result), { rewrapped: 0, already: 0, current: dataKeys, problemCount: 0 });
  }
});

test('--list tells what each key opens and what only it opens, and needs no key', async () => {
  const old = bucket.keyFile('old.key');
  const key = bucket.kms.keys.create(here);
  await store(old.ring);
  await bucket.addBackup(backupOfDay(22), bucket.kmsRing(key.arn));
  await bucket.addBackup(backupOfDay(23), undefined);
  const plan = bucket.plan('none');
  const before = resultOf(ended(await bucket.lifeboat(plan, 'rekey', '--list', '--json')));
  const [first, second] = [backupOfDay(20), backupOfDay(21)];
  assert.deepEqual(before.keys, [
    {
      method: 'file',
      key: old.id,
      backups: [first, second],
      onlyBackups: [first, second],
      dumps: [],
      onlyDumps: [],
      walKeys: 3,
      onlyWalKeys: 3,
    },
    {
      method: 'kms',
      key: key.arn,
      backups: [backupOfDay(22)],
      onlyBackups: [backupOfDay(22)],
      dumps: [],
      onlyDumps: [],
      walKeys: 0,
      onlyWalKeys: 0,
    },
  ]);
  ended(await bucket.lifeboat(bucket.plan(`{ kmsKey: "${key.arn}" }`), 'rekey', '--from-key-file', old.path));
  const { stdout } = ended(await bucket.lifeboat(plan, 'rekey', '--list'));
  assert.equal(
    stdout,
    [
      'orders',
      `  key ${old.id} of a key file`,
      `    opens 2 backups (${first} to ${second}) and 3 data keys of WAL`,
      '    all of which other keys open, too',
      `  KMS key ${key.arn}`,
      `    opens 3 backups (${first} to ${backupOfDay(22)}) and 3 data keys of WAL`,
      `    NOTHING ELSE OPENS 1 backup (${backupOfDay(22)})`,
      '',
    ].join('\n'),
  );
});

test('--list says when it does not know all', async () => {
  const [archived] = await bucket.addWal(bucket.keyFile('old.key').ring);
  bucket.s3.bucket.objects.get(archived!)!.archive = { storageClass: 'GLACIER', state: 'archived' };
  const { stdout } = ended(await bucket.lifeboat(bucket.plan('none'), 'rekey', '--list'), 6);
  assert.match(stdout, /1 object COULD NOT BE READ/);
});

test('the evidence tells who gave which key what', async () => {
  const [old, fresh] = [bucket.keyFile('old.key'), bucket.keyFile('new.key')];
  await store(old.ring);
  const plan = bucket.plan(`{ keyFile: ${fresh.path} }`);
  const args = ['rekey', '--from-key-file', old.path, '--requested-by', 'ada@example.org'];
  ended(await bucket.lifeboat(plan, ...args));
  ended(await bucket.lifeboat(plan, ...args));
  assert.deepEqual(await verifyEvidence(bucket.store), { ok: true, records: 1 });
  const { newest } = JSON.parse(ended(await bucket.lifeboat(plan, 'evidence', '--json')).stdout);
  const { who, what, source, outcome } = newest[0];
  assert.deepEqual(
    [who, what, source, outcome],
    ['ada@example.org', `re-wrapped 5 data keys of orders by ${fresh.id}`, 'orders', 'succeeded'],
  );
});

test('one request for each piece of WAL; for each data key one to put, to wrap and to open, and one try of both', async () => {
  const [old, key] = [bucket.keyFile('old.key'), bucket.kms.keys.create(here)];
  await bucket.addWal(old.ring, 20);
  await bucket.addWal(old.ring, 20);
  bucket.s3.requests.length = 0;
  const plan = bucket.plan(`{ kmsKey: "${key.arn}" }`);
  ended(await bucket.lifeboat(plan, 'rekey', '--wal', '--from-key-file', old.path));
  const count = (pattern: RegExp) => bucket.s3.requests.filter((request) => pattern.test(request)).length;
  assert.equal(count(/^GET orders\/wal\//), 40);
  assert.equal(count(/^PUT orders\/keys\//), 2);
  assert.equal(count(/^GET orders\/keys\//), 0);
  const asked = bucket.kms.requests.map(({ action }) => action).sort();
  assert.deepEqual(asked, ['Decrypt', 'Decrypt', 'Decrypt', 'Encrypt', 'Encrypt', 'Encrypt']);
});

test('reading what was re-wrapped looks once for each data key, and asks KMS once', async () => {
  const [old, key] = [bucket.kms.keys.create(here), bucket.kms.keys.create(here)];
  await bucket.addWal(bucket.kmsRing(old.arn), 10);
  await bucket.addWal(bucket.kmsRing(old.arn), 10);
  const encryption = `{ kmsKey: "${key.arn}" }`;
  ended(await bucket.lifeboat(bucket.plan(encryption), 'rekey'));
  old.state = 'Disabled';
  bucket.kms.requests.length = bucket.s3.requests.length = 0;
  assert.deepEqual(await bucket.unreadableWith(encryption), []);
  const asked = bucket.kms.requests.map(({ keyId }) => (keyId === key.arn ? 'new' : 'old'));
  assert.deepEqual(asked, ['old', 'new', 'new'], 'a key that was of no use is not asked for again');
  assert.equal(bucket.s3.requests.filter((request) => /^GET orders\/keys\//.test(request)).length, 2);
});
