import assert from 'node:assert/strict';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { machineInstallation } from '#harness/postgres-installations';
import type { TestServer } from '#harness/postgres-server';
import { runLifeboat } from '#harness/run-lifeboat';
import { assertNoCluster, assertRefused, newServer, password, standing, Vessel, writeKey } from './bad-scene.ts';

/** One backup in the bucket; whatever is wrong with plan or arguments, nothing in it changes. */
let server: TestServer;
let vessel: Vessel;
let backup: string;
let stored: string[];

before(async () => {
  server = await newServer(machineInstallation(), { initdb: ['--wal-segsize=1'] });
  vessel = new Vessel(server);
  backup = await vessel.backup();
  stored = standing(vessel.bucket);
});

const assertUntouched = () => assert.deepEqual(standing(vessel.bucket), stored);

describe('a plan', () => {
  const source = 'orders: { connection: { host: /tmp, user: u } }';
  const bad: [what: string, plan: string, message: RegExp, hint: RegExp][] = [
    [
      'with a key misspelt',
      `bukket: b\nbucket: b\nencryption: none\nsources: { ${source} }`,
      /plan\.yml:1: bukket: is not a known key: did you mean "bucket"\?/,
      /plan\.example\.yml/,
    ],
    [
      'with a key misspelt deep inside',
      'bucket: b\nencryption: none\nsources:\n  orders:\n    connection: { host: /tmp, usr: u, user: u }',
      /plan\.yml:5: sources\.orders\.connection\.usr: is not a known key: did you mean "user"\?/,
      /plan\.example\.yml/,
    ],
    [
      'with a key given twice',
      `bucket: a\nbucket: b\nencryption: none\nsources: { ${source} }`,
      /plan\.yml:2: .*already there above/,
      /plan\.example\.yml/,
    ],
    [
      'with a source given twice',
      `bucket: a\nencryption: none\nsources:\n  ${source}\n  ${source}`,
      /plan\.yml:5: .*already there above/,
      /plan\.example\.yml/,
    ],
    [
      'with a password in it',
      `bucket: a\nencryption: none\nsources: { orders: { connection: { host: /tmp, user: u, password: ${password} } } }`,
      /connection\.password: its value \(not shown.*env:NAME, file:\/path or secret:NAME/,
      /plan\.example\.yml/,
    ],
    [
      'with a password in an unknown key',
      `bucket: a\nencryption: none\nsources: { orders: { connection: { host: /tmp, user: u, pasword: ${password} } } }`,
      /did you mean "password"/,
      /plan\.example\.yml/,
    ],
    [
      'with a URL of a server',
      `bucket: a\nencryption: none\nsources: { orders: { connection: "postgres://u:${password}@db/shop" } }`,
      /sources\.orders\.connection: text is not allowed/,
      /plan\.example\.yml/,
    ],
    [
      'with a schedule of five fields',
      'bucket: a\nencryption: none\nsources: { orders: { connection: { host: /tmp, user: u }, schedules: { full: 0 2 * * * } } }',
      /schedules\.full: .*expected .*cron\(/,
      /plan\.example\.yml/,
    ],
    [
      'with a schedule that never comes',
      'bucket: a\nencryption: none\nsources: { orders: { connection: { host: /tmp, user: u }, schedules: { full: cron(0 25 * * ? *) } } }',
      /schedules\.full: .*not allowed/,
      /plan\.example\.yml/,
    ],
    [
      'without a decision on encryption',
      `bucket: a\nsources: { ${source} }`,
      /encryption: is missing: expected none, keyFile/,
      /plan\.example\.yml/,
    ],
    ['without sources', 'bucket: a\nencryption: none', /sources: is missing/, /plan\.example\.yml/],
    ['that is empty', '', /plan\.yml:1: /, /plan\.example\.yml/],
    ['that is no YAML', 'bucket: [a', /plan\.yml:\d+: is not YAML/, /plan\.example\.yml/],
    ['that is no text', '\0\x01\x02\xff', /plan\.yml/, /plan\.example\.yml/],
  ];
  for (const [what, content, message, hint] of bad) {
    test(`${what} is refused with its line`, async () => {
      const plan = join(vessel.folder, 'bad-plan.yml');
      writeFileSync(plan, content);
      const ended = await runLifeboat(['backup', '--plan', 'bad-plan.yml'], { cwd: vessel.folder });
      assertRefused(ended, { exitCode: 2, message, hint });
      assertUntouched();
    });
  }

  test('with two mistakes has both told at once, below one error line', async () => {
    writeFileSync(join(vessel.folder, 'two.yml'), `bukket: b\nbucket: b\nencryption: nune\nsources: { ${source} }`);
    const ended = await runLifeboat(['backup', '--plan', 'two.yml'], { cwd: vessel.folder });
    assertRefused(ended, { exitCode: 2, message: /two\.yml has 2 problems$/, hint: /plan\.example\.yml/ });
    assert.match(ended.stderr, /\ntwo\.yml:1: bukket.*\ntwo\.yml:3: encryption: "nune"/);
  });

  test('that is not there is asked for, with how to write one', async () => {
    const ended = await runLifeboat(['backup'], { cwd: vessel.folder, env: { LIFEBOAT_PLAN: 'none.yml' } });
    assertRefused(ended, {
      exitCode: 2,
      message: /plan: "none\.yml" is not allowed: expected a file that exists/,
      hint: /lifeboat init/,
    });
    const folder = await runLifeboat(['backup', '--plan', '/'], { cwd: vessel.folder });
    assertRefused(folder, { exitCode: 2, message: /plan: "\/" .*EISDIR/, hint: /--plan FILE/ });
  });
});

describe('the key', () => {
  const restored = () => join(vessel.folder, 'never');

  for (const [what, spoil, message, hint] of [
    [
      'another one',
      (path: string) => writeKey(path),
      /was encrypted with key [0-9a-f]{16}, the key file holds [0-9a-f]{16}/,
      /encryption\.keyFile/,
    ],
    [
      'missing',
      (path: string) => rmSync(path),
      /lifeboat\.key: does not exist/,
      /restore it from where you keep a copy/,
    ],
    [
      'readable by others',
      (path: string) => chmodSync(path, 0o644),
      /lifeboat\.key: may be read or changed by others/,
      /chmod 600 /,
    ],
    [
      'empty',
      (path: string) => writeFileSync(path, ''),
      /lifeboat\.key: holds no key/,
      /restore it from where you keep a copy/,
    ],
    [
      'cut short',
      (path: string) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 40)),
      /lifeboat\.key: line 1 is not/,
      /restore it from where you keep a copy/,
    ],
  ] as const) {
    test(`that is ${what} is refused by restore, verify and window, and nothing is laid down`, async () => {
      const copy = vessel.copy();
      const before = standing(copy.bucket);
      spoil(copy.keyFile);
      for (const args of [['restore', '--to', restored(), '--no-start', ...asRoot], ['verify'], ['window']]) {
        assertRefused(await copy.run(args), { exitCode: 8, message, hint });
      }
      assertNoCluster(restored());
      assert.deepEqual(standing(copy.bucket), before);
    });
  }

  test('that is missing is refused by a backup before the server is asked for one', async () => {
    const copy = vessel.copy();
    rmSync(copy.keyFile);
    assertRefused(await copy.run(['backup']), { exitCode: 8, message: /does not exist/, hint: /restore it/ });
    assert.deepEqual(copy.manifests().length, 1);
  });

  test('that the plan denies is asked for by name, and the right plan works again', async () => {
    const copy = vessel.copy();
    copy.writePlan({ encryption: 'plain' });
    for (const command of ['verify', 'window']) {
      assertRefused(await copy.run([command]), {
        exitCode: 8,
        message: /is encrypted, the plan says encryption: none/,
        hint: /key [0-9a-f]{16}/,
      });
    }
    copy.writePlan({});
    assert.equal((await copy.run(['verify'])).exitCode, 0);
  });
});

const asRoot = process.getuid?.() === 0 ? ['--run-as', 'nobody'] : [];

describe('arguments', () => {
  const bad: [args: string[], message: RegExp, hint: RegExp][] = [
    [
      ['backup', '--source', 'ordres'],
      /--source: "ordres" is not allowed: expected one of the plan's sources: orders/,
      /did you mean "orders"\?/,
    ],
    [['backup', '--source', 'unheard-of'], /--source: "unheard-of" .*sources: orders/, /--help/],
    [
      ['backup', '--type', 'differential'],
      /--type: "differential" is not allowed: expected full or incremental/,
      /--help/,
    ],
    [['backup', '--typ', 'full'], /unknown option '--typ'/, /did you mean --type\?/],
    [['backpu'], /"backpu" is not a command/, /did you mean "backup"\?/],
    [['backup', 'now'], /too many arguments|"now"/, /--help/],
    [['restore'], /required option '--to/, /--help/],
    [['verify', 'yesterday'], /backup: "yesterday" is not allowed: expected an id like/, /lifeboat backups/],
    [
      ['verify', '20990101T000000000Z-full'],
      /backup: "20990101T000000000Z-full" .*committed backup of orders/,
      /lifeboat backups/,
    ],
    [['verify', '--all', '20990101T000000000Z-full'], /nothing beside --all/, /leave out/],
    [['receive-wal', '--until', 'soon'], /--until: "soon" is not allowed/, /--help/],
  ];
  for (const [args, message, hint] of bad) {
    test(`\`lifeboat ${args.join(' ')}\` is refused`, async () => {
      assertRefused(await vessel.run(args), { exitCode: 2, message, hint });
      assertUntouched();
    });
  }

  test('with --json the refusal is one object on stdout', async () => {
    const { exitCode, stdout, stderr } = await vessel.run(['backup', '--source', 'ordres', '--json']);
    const { error } = JSON.parse(stdout);
    assert.deepEqual([exitCode, stderr, error.name, error.hint], [2, '', 'InputInvalid', 'did you mean "orders"?']);
  });

  test('with the right ones the same plan works', async () => {
    assert.equal((await vessel.run(['verify', backup])).exitCode, 0);
    assertUntouched();
  });
});
