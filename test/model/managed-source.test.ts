import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chooseAny, chooseManaged, chooseSource } from '#model/choose-source';
import { parsePlan } from '#model/plan';
import { plannedSchedules } from '#model/planned-schedules';
import { snapshotName } from '#model/snapshot-name';

const parse = (sources: string) => parsePlan(`bucket: b\nencryption: none\nsources:\n${sources}`, 'plan.yml');
const ledger = (more = '') => `  ledger:\n    kind: rds\n    instance: Ledger-DB\n${more}`;

test('a database that RDS runs is read, with its identifier as RDS has it, in small letters', () => {
  const key = 'arn:aws:kms:eu-west-1:111122223333:key/k';
  const plan = parse(
    ledger(`    copyTo: { region: eu-west-1, kmsKey: "${key}" }
    schedules: { snapshot: rate(1 day), timezone: Europe/Berlin, windowMinutes: 5 }
    tier: { rpo: 5m, rto: 1h }\n`),
  );
  assert.deepEqual(plan.sources, []);
  assert.deepEqual(plan.managed, [
    {
      ...{ name: 'ledger', kind: 'rds', database: { type: 'instance', id: 'ledger-db' } },
      copyTo: { region: 'eu-west-1', kmsKey: key },
      compressionLevel: 3,
      dump: { schemaOnly: false, restoreTest: true },
      schedules: { snapshot: 'rate(1 day)', timezone: 'Europe/Berlin', windowMinutes: 5 },
      tier: { rpoMs: 300_000, rtoMs: 3_600_000 },
    },
  ]);
  const [cluster] = parse('  books: { kind: rds, cluster: books }\n').managed;
  assert.deepEqual(cluster?.database, { type: 'cluster', id: 'books' });
});

describe('what is wrong with one is told with its place:', () => {
  const refused: [what: string, sources: string, message: RegExp][] = [
    [
      'neither',
      '  a: { kind: rds }\n',
      /^plan\.yml:4: sources\.a\.instance: is missing: expected the identifier of a DB/,
    ],
    [
      'both',
      '  a: { kind: rds, instance: a, cluster: b }\n',
      /sources\.a\.cluster: "b" is not allowed: expected nothing beside/,
    ],
    [
      'an identifier that is none',
      '  a: { kind: rds, instance: a--b }\n',
      /sources\.a\.instance: "a--b" .* 1 to 63 letters/,
    ],
    [
      'what only a server has',
      ledger('    slot: x\n'),
      /^plan\.yml:7: sources\.ledger\.slot: is not a known key: .*known: kind, instance, cluster, copyTo, connection, compressionLevel, dump, retention, schedules, tier$/,
    ],
    [
      'dumps of what nobody can connect to',
      ledger('    schedules: { dump: rate(1 day) }\n'),
      /sources\.ledger\.connection: is missing: expected a map with host and user at least, since schedules\.dump/,
    ],
    ['a schedule of a server', ledger('    schedules: { full: rate(1 day) }\n'), /schedules\.full: is not a known key/],
    [
      'another region',
      ledger('    copyTo: { region: Ireland }\n'),
      /copyTo\.region: "Ireland" .* a region like eu-west-1/,
    ],
    [
      'a key of another region',
      ledger('    copyTo: { region: eu-west-1, kmsKey: "arn:aws:kms:eu-west-2:111122223333:key/k" }\n'),
      /copyTo\.kmsKey: .* expected a key in eu-west-1, where the copy is$/,
    ],
    [
      'an alias',
      ledger('    copyTo: { region: eu-west-1, kmsKey: "arn:aws:kms:eu-west-1:111122223333:alias/k" }\n'),
      /copyTo\.kmsKey/,
    ],
  ];
  for (const [what, sources, message] of refused)
    test(what, () => assert.throws(() => parse(sources), { name: 'PlanInvalid', message }));
});

const both = parse(`  main: { connection: { host: h, user: u } }\n${ledger()}`);

test('each kind is chosen by those who can do something with it', () => {
  assert.equal(chooseSource(both, undefined).name, 'main');
  assert.equal(chooseManaged(both, undefined).name, 'ledger');
  assert.deepEqual(
    [chooseAny(both, 'main').kind, chooseAny(both, 'ledger').kind, chooseAny(both, undefined).kind],
    ['postgres', 'rds', 'postgres'],
  );
  assert.equal(chooseAny(parse(ledger()), undefined).kind, 'rds');
  assert.throws(() => chooseSource(both, 'ledger'), { hint: /^ledger is a database that RDS runs/ });
  assert.throws(() => chooseManaged(both, 'main'), { hint: /^main is a PostgreSQL cluster/ });
  assert.throws(() => chooseManaged(both, 'ledgr'), { hint: 'did you mean "ledger"?' });
  assert.throws(() => chooseSource(parse(ledger()), undefined), { message: /and the plan has none$/ });
});

test('with a connection it is dumped, and what its dumps keep is written down', () => {
  const plan = parse(
    ledger(`    connection: { host: h, user: u }
    dump: { databases: [books] }
    retention: { window: 7d, monthly: 12 }
    schedules: { dump: rate(1 day), retention: rate(1 day) }\n`),
  );
  const [found] = plan.managed;
  assert.deepEqual(found?.dump.databases, ['books']);
  assert.deepEqual(found?.retention, { windowDays: 7, daily: 0, weekly: 0, monthly: 12, yearly: 0 });
  const started = plannedSchedules(plan).map(({ name, target }) => [
    name,
    'stateMachine' in target ? target.stateMachine : target.function,
  ]);
  assert.deepEqual(started.slice(0, 2), [
    ['dump-ledger', 'dump'],
    ['retention-ledger', 'retention'],
  ]);
});

test('its snapshots are scheduled, and it is watched beside the servers; no such database, no such watch', () => {
  const scheduled = parse(ledger('    schedules: { snapshot: rate(1 day) }\n'));
  assert.deepEqual(
    plannedSchedules(scheduled).map(({ name, target }) => [
      name,
      'stateMachine' in target ? target.stateMachine : target.function,
    ]),
    [
      ['snapshot-ledger', 'rds-snapshot'],
      ['watch', 'watch'],
      ['watch-managed', 'watch-managed'],
    ],
  );
  const [, , ...more] = plannedSchedules(parse('  main: { connection: { host: h, user: u } }\n'));
  assert.deepEqual(more, []);
});

describe('the name of a snapshot', () => {
  test('is the same for the same execution, and readable', () => {
    assert.equal(
      snapshotName('ledger', 'snapshot-ledger-20261120T010000Z'),
      'lifeboat-ledger-snapshot-ledger-20261120t010000z',
    );
  });
  test('is one that RDS takes, whatever the execution is called, and no two share one', () => {
    const names = ['a_b', 'a-b', 'a--b', 'a-b-', 'x'.repeat(80)].map((name) => snapshotName('l--', name));
    for (const name of names) assert.match(name, /^(?=.{1,255}$)[a-z](?:-?[a-z0-9])*$/);
    assert.equal(new Set(names).size, names.length);
  });
});
