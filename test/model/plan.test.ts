import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Failure } from '#model/failure';
import { type Plan, parsePlan } from '#model/plan';
import { PlanInvalid } from '#model/plan-invalid';

const small = `bucket: /srv/backups
encryption: none
sources:
  orders:
    connection: { host: db.example, user: lifeboat }
`;

describe('a plan is read', () => {
  test('with defaults for everything that is not a choice', () => {
    assert.deepEqual(parsePlan(small, 'plan.yml'), {
      bucket: '/srv/backups',
      encryption: 'none',
      sources: [
        {
          name: 'orders',
          kind: 'postgres',
          connection: { host: 'db.example', port: 5432, user: 'lifeboat', database: 'postgres', sslmode: 'prefer' },
          slot: 'lifeboat',
          walChunkSeconds: 5,
          compressionLevel: 3,
          schedules: { timezone: 'UTC', windowMinutes: 0 },
          dump: { schemaOnly: false, restoreTest: true },
          checks: [],
        },
      ],
      managed: [],
      approvers: [],
      fourEyes: false,
      approvals: { required: 1, reason: 'required' },
      failover: [],
      systems: [],
      notifications: [],
      concurrency: { all: 4, perServer: 1 },
      storage: { lock: { mode: 'governance', days: 14 }, tiers: {} },
    } satisfies Plan);
  });

  test('with everything written out', () => {
    const plan = parsePlan(
      `bucket: s3://backups/eu/
encryption: { keyFile: ./lifeboat.key }
sources:
  orders:
    kind: postgres
    connection:
      host: 10.0.0.7
      port: 6432
      user: lifeboat
      database: app
      sslmode: verify-full
      sslrootcert: /etc/ca.pem
      password: env:ORDERS_PASSWORD
    slot: lifeboat_orders
    walChunkSeconds: 10
    compressionLevel: 1
    schedules:
      full: cron(0 2 ? * SUN *)
      incremental: rate(6 hours)
      dump: rate(1 day)
      drill: cron(0 5 1 * ? *)
      retention: rate(1 day)
    dump: { databases: [app, Ä b], schemaOnly: true, restoreTest: false }
    retention: { window: 7d, daily: 14, weekly: 8, monthly: 12, yearly: 7 }
    tier: { rpo: 30s, rto: 1h }
    checks:
      - { name: orders are there, database: app, query: select count(*) > 0 from orders, expect: true }
      - { query: select 1, expect: 1 }
  audit:
    connection: { host: /run/postgresql, user: lifeboat, password: "file:~/.audit" }
approvers: [{ name: Ada, email: ada@example.org }, { name: Bob }]
fourEyes: true
approvals: { reason: optional, rds-restore: { required: 1 } }
notifications:
  - { kind: slack, webhook: env:SLACK, on: [success, failure] }
  - { kind: webhook, url: file:/run/hook }
  - { kind: email, from: a@example.org, to: [b@example.org], smtp: { host: mail, user: a, password: env:SMTP } }
  - { kind: sns, topicArn: "arn:aws:sns:eu-central-1:123456789012:lifeboat", on: [question] }
  - { kind: statuspage, pageId: ctm1234, apiKey: "secret:page#key" }
retention: { window: 35d }
metrics: { pushgateway: "https://push.example.org/" }
`,
      'plan.yml',
    );
    assert.equal(plan.bucket, 's3://backups/eu');
    assert.deepEqual(plan.encryption, { keyFile: './lifeboat.key' });
    const [orders, audit] = plan.sources;
    assert.deepEqual(orders!.connection.password, { from: 'env', name: 'ORDERS_PASSWORD' });
    assert.deepEqual(orders!.tier, { rpoMs: 30_000, rtoMs: 3_600_000 });
    assert.deepEqual(
      orders!.checks.map(({ name, database, expect }) => ({ name, database, expect })),
      [
        { name: 'orders are there', database: 'app', expect: true },
        { name: 'check 2', database: 'postgres', expect: 1 },
      ],
    );
    assert.equal(orders!.schedules.drill, 'cron(0 5 1 * ? *)');
    assert.equal(orders!.schedules.retention, 'rate(1 day)');
    assert.deepEqual(orders!.dump, { databases: ['app', 'Ä b'], schemaOnly: true, restoreTest: false });
    assert.deepEqual(orders!.retention, { windowDays: 7, daily: 14, weekly: 8, monthly: 12, yearly: 7 });
    assert.deepEqual(plan.retention, { windowDays: 35, daily: 0, weekly: 0, monthly: 0, yearly: 0 });
    assert.equal(audit!.retention, undefined);
    assert.equal(audit!.connection.sslmode, 'disable');
    assert.deepEqual(audit!.connection.password, { from: 'file', path: '~/.audit' });
    assert.deepEqual(plan.approvers[1], { name: 'Bob' });
    assert.deepEqual(plan.approvals, { required: 1, reason: 'optional', 'rds-restore': { required: 1 } });
    assert.deepEqual(
      plan.notifications.map(({ kind, on }) => [kind, on.join(' ')]),
      [
        ['slack', 'success failure'],
        ['webhook', 'failure question'],
        ['email', 'failure question'],
        ['sns', 'question'],
        ['statuspage', 'failure'],
      ],
    );
    const { apiUrl, apiKey } = plan.notifications[4] as { apiUrl: string; apiKey: object };
    assert.deepEqual([apiUrl, apiKey], ['https://api.statuspage.io', { from: 'secret', name: 'page', field: 'key' }]);
    assert.deepEqual(plan.metrics, { pushgateway: 'https://push.example.org/', job: 'lifeboat' });
    assert.equal((plan.notifications[2] as { smtp: { port: number } }).smtp.port, 587);
  });
});

describe('a plan is refused, with the place, the value and what is allowed', () => {
  const replaced = (from: string, to: string): string => {
    assert.ok(small.includes(from));
    return small.replace(from, to);
  };
  const extended = (lines: string): string => `${small}${lines}\n`;
  const connection = (fields: string): string => replaced('host: db.example, user: lifeboat', fields);

  const refused: [what: string, content: string, message: RegExp][] = [
    ['an empty file', '', /^plan\.yml:1: nothing is not allowed: expected a map with bucket,/],
    ['a list', '- a', /^plan\.yml:1: a list is not allowed/],
    [
      'no bucket',
      replaced('bucket: /srv/backups', ''),
      /^plan\.yml:\d: bucket: is missing: expected the path of a directory/,
    ],
    ['another kind of bucket', replaced('/srv/backups', 'gs://x'), /^plan\.yml:1: bucket: "gs:\/\/x" is not allowed/],
    ['an S3 URL without a bucket', replaced('/srv/backups', 's3://'), /^plan\.yml:1: bucket: /],
    ['no encryption', replaced('encryption: none', ''), /encryption: is missing: expected none, keyFile/],
    ['encryption: true', replaced('none', 'true'), /^plan\.yml:2: encryption: true is not allowed: expected none/],
    [
      'a mistyped keyFile',
      replaced('none', '{ keyfile: x }'),
      /keyFile: is missing[\s\S]*encryption\.keyfile: .* mean "keyFile"/,
    ],
    ['no sources', 'bucket: x\nencryption: none\nsources: {}', /^plan\.yml:3: sources: a map .* at least one source$/],
    ['a source in capitals', replaced('orders', 'Orders'), /^plan\.yml:4: sources\.Orders: .* lower-case letters/],
    ['a long source name', replaced('orders', 'o'.repeat(64)), /1 to 63/],
    [
      'another kind of source',
      extended('    kind: mysql'),
      /^plan\.yml:6: sources\.orders\.kind: "mysql" .* one of postgres, rds$/,
    ],
    ['no host', connection('user: a'), /^plan\.yml:5: sources\.orders\.connection\.host: is missing/],
    ['two hosts', connection('host: "a,b", user: a'), /connection\.host: "a,b" is not allowed/],
    ['a port beyond', connection('host: a, user: a, port: 65536'), /connection\.port: 65536 .* from 1 to 65535$/],
    ['a port in quotes', connection('host: a, user: a, port: "1"'), /connection\.port: "1" is not allowed/],
    [
      'another sslmode',
      connection('host: a, user: a, sslmode: on'),
      /sslmode: "on" .* one of disable, prefer, require/,
    ],
    ['TLS on a socket', connection('host: /tmp, user: a, sslmode: require'), /sslmode: "require" .* a socket/],
    ['verify-ca alone', connection('host: a, user: a, sslmode: verify-ca'), /sslrootcert: is missing/],
    ['a bad slot', extended('    slot: Life-Boat'), /^plan\.yml:6: sources\.orders\.slot: "Life-Boat" is not allowed/],
    ['an endless chunk', extended('    walChunkSeconds: 3601'), /walChunkSeconds: 3601 .* 1 to 3600$/],
    ['half a second', extended('    walChunkSeconds: 0.5'), /walChunkSeconds: 0.5 is not allowed/],
    ['a level beyond zstd', extended('    compressionLevel: 20'), /compressionLevel: 20 .* 1 to 19$/],
    [
      'a bad schedule',
      extended('    schedules: { full: "cron(0 2 * * * *)" }'),
      /schedules\.full: "cron.*exactly one "\?"/,
    ],
    ['a schedule that is a number', extended('    schedules: { full: 5 }'), /schedules\.full: 5 is not allowed/],
    ['an RPO without a unit', extended('    tier: { rpo: 30, rto: 1h }'), /tier\.rpo: 30 is not allowed: .* like 30s/],
    ['a check without a question', extended('    checks: [{ expect: 1 }]'), /checks\[0\]\.query: is missing/],
    [
      'a check that expects a list',
      extended('    checks: [{ query: a, expect: [] }]'),
      /expect: a list .* true or false$/,
    ],
    [
      'fourEyes: maybe',
      extended('fourEyes: maybe'),
      /^plan\.yml:6: fourEyes: "maybe" is not allowed: expected true or false$/,
    ],
    [
      'an approver by name only',
      extended('approvers: [Ada]'),
      /approvers\[0\]: text is not allowed: expected a map with name/,
    ],
    [
      'more yes than there are approvers',
      extended('approvers: [{ name: A }, { name: a }]\napprovals: { required: 2 }'),
      /^plan\.yml:7: approvals\.required: 2 is not allowed: expected 1, since the plan's approvers are 1 person$/,
    ],
    [
      'more yes than there are approvers beside who asks',
      extended(
        'fourEyes: true\napprovers: [{ name: A }, { name: B }, { name: C }]\napprovals: { restore: { required: 3 } }',
      ),
      /approvals\.restore\.required: 3 .* expected at most 2, since the plan's approvers are 3 different people, and with fourEyes who asks may not answer$/,
    ],
    [
      'several yes of whoever may',
      extended('approvals: { required: 2 }'),
      /approvals\.required: 2 .* expected 1, since the plan's approvers are 0/,
    ],
    ['eleven yes', extended('approvals: { required: 11 }'), /approvals\.required: 11 .* a whole number from 1 to 10$/],
    ['a reason now and then', extended('approvals: { reason: maybe }'), /approvals\.reason: .*required, optional/],
    ['an address that is none', extended('approvers: [{ name: A, email: a.b }]'), /approvers\[0\]\.email: "a\.b"/],
    [
      'another kind of notification',
      extended('notifications: [{ kind: irc }]'),
      /kind: "irc" .* one of slack, webhook/,
    ],
    [
      'a notification of nothing',
      extended('notifications: [{ kind: slack, webhook: env:A, on: [] }]'),
      /on: a list .* at least one/,
    ],
    ['a topic that is none', extended('notifications: [{ kind: sns, topicArn: x }]'), /topicArn: "x" .* ARN$/],
    [
      'a status page that is told of successes',
      extended('notifications: [{ kind: statuspage, pageId: p, apiKey: env:K, on: [success] }]'),
      /on\[0\]: "success" .* one of failure$/,
    ],
    [
      'a status page that gets its key in clear text',
      extended('notifications: [{ kind: statuspage, pageId: p, apiKey: env:K, apiUrl: "http://a.example.org" }]'),
      /apiUrl: "http:\/\/a\.example\.org" .* https:\/\/…$/,
    ],
    [
      'a Pushgateway whose password stands in the plan, and is not shown',
      extended('metrics: { pushgateway: "http://ada:hunter2@push.example.org" }'),
      /metrics\.pushgateway: its value \(not shown, it may be a secret\) .* without a user and password, or env:NAME/,
    ],
    [
      'a job that is none',
      extended('metrics: { pushgateway: env:P, job: a/b }'),
      /metrics\.job: "a\/b" is not allowed/,
    ],
    [
      'a retention of half a day',
      extended('retention: { window: 12h }'),
      /^plan\.yml:6: retention\.window: "12h" .* whole days, at least 1d/,
    ],
    ['a retention without a window', extended('retention: { daily: 7 }'), /retention\.window: is missing/],
    [
      'generations without an end',
      extended('    retention: { window: 7d, daily: 1001 }'),
      /sources\.orders\.retention\.daily: 1001 .* 0 to 1000$/,
    ],
    [
      'a schedule of a retention that nobody has written',
      extended('    schedules: { retention: rate(1 day) }'),
      /sources\.orders\.schedules\.retention: .* neither the source nor the plan has retention$/,
    ],
    ['a dump of one database twice', extended('    dump: { databases: [a, a] }'), /dump\.databases: .* each once$/],
    ['a dump of no database', extended('    dump: { databases: [] }'), /dump\.databases: .* each once$/],
    ['an empty field', connection('host: a, user: '), /connection\.user: nothing is not allowed/],
    ['the same key twice', extended('bucket: again'), /^plan\.yml:6: is not YAML: this key is already there above$/],
    ['a broken quote', extended('fourEyes: "'), /^plan\.yml:\d: is not YAML: Missing closing/],
    ['two documents', extended('---\na: b'), /is not YAML/],
  ];
  for (const [what, content, message] of refused) {
    test(what, () => assert.match(planFailure(content).message, message));
  }

  test('an unknown key is answered with the nearest known one and all that there are', () => {
    assert.equal(
      planFailure(extended('    shedules: {}')).message,
      'plan.yml:6: sources.orders.shedules: is not a known key: did you mean "schedules"? ' +
        'known: kind, connection, slot, walChunkSeconds, compressionLevel, schedules, dump, retention, tier, checks',
    );
    assert.match(
      planFailure(extended('zzzzzzzzzz: 1')).message,
      /zzzzzzzzzz: is not a known key: known: bucket, encryption/,
    );
  });

  test('everything that is wrong is told at once, in the order of the file', () => {
    const failure = planFailure(
      `bucket: 5\nencryption: no\nsources:\n  a: { slots: b, port: 1, connection: { user: x } }\n`,
    );
    assert.deepEqual(failure.problems.map(({ path }) => path).toSorted(), [
      'bucket',
      'encryption',
      'sources.a.connection.host',
      'sources.a.port',
      'sources.a.slots',
    ]);
    const lines = failure.message.split('\n');
    assert.equal(lines[0], 'plan.yml has 5 problems');
    assert.deepEqual(
      lines.slice(1).map((line) => line.split(':')[1]),
      ['1', '2', '4', '4', '4'],
    );
  });

  test('a problem behind an alias is told at the place that was meant', () => {
    const content = replaced('encryption: none', 'encryption: &e { keyFil: x, keyFile: y }');
    assert.match(planFailure(content).message, /^plan\.yml:2: encryption\.keyFil: /);
  });
});

describe('a secret in the plan is never printed', () => {
  const places: [what: string, content: string][] = [
    ['a plain password', small.replace('user: lifeboat', 'user: a, password: hunter2')],
    ['a number as password', small.replace('user: lifeboat', 'user: a, password: 8472hunter2')],
    ['a URL as connection', small.replace('{ host: db.example, user: lifeboat }', 'postgres://a:hunter2@h/db')],
    ['a URL as host', small.replace('db.example', 'postgres://a:hunter2@h/db')],
    ['key words as host', small.replace('db.example', '"host=a password=hunter2"')],
    ['a webhook', `${small}notifications: [{ kind: slack, webhook: https://hooks.example/hunter2 }]\n`],
    ['a broken quote', small.replace('user: lifeboat', 'user: a, password: "hunter2')],
    ['a reserved character', small.replace('user: lifeboat', 'user: a, password: @hunter2')],
    ['a quote within', small.replace('{ host: db.example, user: lifeboat }', `\n      password: 'it's hunter2'`)],
    ['a bracket before', small.replace('{ host: db.example, user: lifeboat }', `\n      password: ]hunter2`)],
    ['a block sign before', small.replace('{ host: db.example, user: lifeboat }', `\n      password: |hunter2`)],
    ['an unknown alias', small.replace('user: lifeboat', 'user: a, password: *hunter2')],
    ['a tag', small.replace('user: lifeboat', 'user: a, password: !hunter2 x')],
  ];
  for (const [what, content] of places) {
    test(what, () => {
      const failure = planFailure(content);
      assert.doesNotMatch(JSON.stringify([failure.message, failure.hint, failure.problems]), /hunter2/);
      assert.equal(failure.cause, undefined);
    });
  }
});

function planFailure(content: string): PlanInvalid {
  try {
    parsePlan(content, 'plan.yml');
  } catch (error) {
    assert.ok(error instanceof PlanInvalid && error instanceof Failure, `not a PlanInvalid: ${error}`);
    assert.equal(error.name, 'PlanInvalid');
    return error;
  }
  assert.fail('the plan was accepted');
}
