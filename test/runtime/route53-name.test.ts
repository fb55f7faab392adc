import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type StrictRoute53, startStrictRoute53 } from '#harness/strict-route53';
import type { MovedName } from '#model/failover-names';
import { route53Name } from '#runtime/route53-name';
import { commonErrors, errorTests, signal } from './move-errors.ts';

type Route53Name = MovedName & { kind: 'route53' };

let route53: StrictRoute53;
before(async () => {
  route53 = await startStrictRoute53();
});
after(() => route53.close());
let zones = 0;
let zone = '';
beforeEach(() => {
  zones += 1;
  zone = `Z0${zones}`;
  route53.zones.set(zone, {
    name: 'example.org.',
    records: [
      { name: 'db.example.org.', type: 'CNAME', ttl: 30, values: ['East.db.example.net.'] },
      { name: 'dc.example.org.', type: 'A', ttl: 30, values: ['192.0.2.1'] },
    ],
  });
  route53.calls.length = 0;
});

const values = { east: 'east.db.example.net', west: 'west.db.example.net' };
const name = (more: Partial<Route53Name> = {}): Route53Name => ({
  ...{ kind: 'route53', zone, name: 'db.example.org', type: 'CNAME', ttlSeconds: 30, values },
  ...more,
});
const movable = (more: Partial<Route53Name> = {}) => route53Name(name(more), route53.environment);
const records = () => route53.zones.get(zone)!.records;

test('a record is read as the plan writes it, whatever dots and capitals it has, by one question', async () => {
  const moved = movable();
  assert.equal(await moved.read(signal), moved.wanted('east'));
  assert.deepEqual(route53.takeCalls(), [
    ['ListResourceRecordSets', { zone, name: 'db.example.org.', type: 'CNAME', maxitems: '1' }],
  ]);
  assert.equal(moved.what, `route53 db.example.org CNAME in ${zone}`);
});

test('the record after it, which Route 53 answers with, is not it', async () => {
  assert.equal(await movable({ name: 'da.example.org' }).read(signal), null);
  assert.equal(await movable({ type: 'AAAA', values: { east: '::1', west: '::2' } }).read(signal), null);
});

test('a name with a star is found though Route 53 writes it with an octal code', async () => {
  records().push({ name: '*.example.org.', type: 'A', ttl: 5, values: ['192.0.2.9'] });
  const moved = movable({ name: '*.example.org', type: 'A', values: { east: '192.0.2.9', west: '192.0.2.8' } });
  assert.equal(await moved.read(signal), '192.0.2.9');
});

test('a move is one UPSERT with the TTL of the plan, and is waited for until all servers have it', async () => {
  const moved = movable();
  const change = await moved.put(moved.wanted('west'), signal);
  assert.deepEqual(route53.takeCalls().at(-1), [
    'ChangeResourceRecordSets',
    {
      zone,
      action: 'UPSERT',
      record: { name: 'db.example.org.', type: 'CNAME', ttl: 30, values: ['west.db.example.net'] },
    },
  ]);
  const seen = [
    await moved.settled(change!, signal),
    await moved.settled(change!, signal),
    await moved.settled(change!, signal),
  ];
  assert.deepEqual(seen, [false, false, true]);
  assert.equal(await moved.read(signal), moved.wanted('west'));
});

test('put again it is another change with the same end: what is still on its way is not taken for settled', async () => {
  await movable().put(values.west, signal);
  const change = await movable().put('West.db.example.net.', signal);
  assert.equal(await movable().settled(change!, signal), false);
  assert.equal(await movable().read(signal), values.west);
});

test('null takes exactly what is there away, and once it is away there is nothing to do', async () => {
  const moved = movable({ ttlSeconds: 5 });
  await moved.put(null, signal);
  assert.deepEqual(route53.takeCalls().at(-1), [
    'ChangeResourceRecordSets',
    {
      zone,
      action: 'DELETE',
      record: { name: 'db.example.org.', type: 'CNAME', ttl: 30, values: ['East.db.example.net.'] },
    },
  ]);
  assert.equal(await moved.read(signal), null);
  assert.equal(await moved.put(null, signal), null);
});

test('several addresses are one value, in whatever order they are', async () => {
  const moved = movable({
    ...{ name: 'dc.example.org', type: 'A' },
    values: { east: '192.0.2.1', west: '192.0.2.3, 192.0.2.2' },
  });
  await moved.put(moved.wanted('west'), signal);
  assert.deepEqual(records().find(({ name }) => name === 'dc.example.org.')!.values, ['192.0.2.2', '192.0.2.3']);
  assert.equal(await moved.read(signal), moved.wanted('west'));
});

test('an address of version 6 is the same however it is written', async () => {
  records().push({ name: 'six.example.org.', type: 'AAAA', ttl: 5, values: ['2001:db8:0:0:0:0:0:1'] });
  const moved = movable({ name: 'six.example.org', type: 'AAAA', values: { east: '2001:db8::1', west: '::2' } });
  assert.equal(await moved.read(signal), moved.wanted('east'));
});

for (const [kind, record] of [
  ['an alias', { alias: 'dualstack.lb.example.' }],
  ['a weighted record', { ttl: 30, values: ['192.0.2.1'], setIdentifier: 'one' }],
] as const) {
  test(`${kind} is neither read nor moved, and a check tells so`, async () => {
    const entry = {
      name: 'al.example.org.',
      type: 'A',
      ...record,
      values: [...('values' in record ? record.values : [])],
    };
    records().push(entry);
    const moved = movable({ name: 'al.example.org', type: 'A', values: { east: '192.0.2.1', west: '192.0.2.2' } });
    for (const call of [() => moved.read(signal), () => moved.put('192.0.2.2', signal), () => moved.put(null, signal)])
      await assert.rejects(call(), { name: 'ServerUnsuitable', message: /only simple records/, hint: /simple record/ });
    assert.match((await moved.check(signal)).join(), /only simple records/);
    assert.deepEqual(
      route53.takeCalls().filter(([operation]) => operation.startsWith('Change')),
      [],
    );
  });
}

test('a check of what fits finds nothing and changes nothing', async () => {
  assert.deepEqual(await movable().check(signal), []);
  assert.deepEqual(
    route53.takeCalls().map(([operation]) => operation),
    ['GetHostedZone', 'ListResourceRecordSets'],
  );
});

const problems: [string, Partial<Route53Name>, RegExp][] = [
  ['a TTL above that of the plan', { ttlSeconds: 10 }, /TTL of db.example.org is 30 s.*old address/],
  ['a record that is not there', { name: 'no.example.org' }, /there is no CNAME record no\.example\.org/],
  ['a name of another zone', { name: 'db.example.com' }, /is for example\.org, and db\.example\.com is not in it/],
  ['a record of another type', { name: 'dc.example.org' }, /has a record of type A: a CNAME cannot be beside it/],
  ['a value that is no address', { name: 'dc.example.org', type: 'A' }, /at east: "east\.db.*expected an IPv4 address/],
  ['an address in a CNAME', { values: { east: '192.0.2.1', west: 'w.example' } }, /expected the name of a host/],
];
for (const [what, more, expected] of problems) {
  test(`a check tells of ${what}`, async () => assert.match((await movable(more).check(signal)).join('\n'), expected));
}

test('a zone that is not there is a problem, and an error of who reads', async () => {
  const moved = movable({ zone: 'ZNOTHERE' });
  assert.match((await moved.check(signal)).join(), /NoSuchHostedZone.*check the zone's id/);
  await assert.rejects(moved.read(signal), { name: 'ServerUnsuitable', hint: /zone's id/ });
});

test('a batch that is refused says why in all of its messages', async () => {
  const message = JSON.stringify(["it's protected", 'and <forbidden>']);
  route53.faults.push({ operation: 'ChangeResourceRecordSets', status: 400, code: 'InvalidChangeBatch', message });
  await assert.rejects(movable().put(values.west, signal), {
    ...{ name: 'ServerUnsuitable', message: /it's protected; and <forbidden>/, hint: /protected record/ },
  });
});

test('what somebody else changed between look and change is tried again by whoever calls', async () => {
  const message = JSON.stringify(['Tried to delete it but the values provided do not match the current values']);
  for (const said of [message, 'Tried to delete it but it was not found']) {
    route53.faults.push({
      operation: 'ChangeResourceRecordSets',
      status: 400,
      code: 'InvalidChangeBatch',
      message: said,
    });
    await assert.rejects(movable().put(null, signal), { name: 'TrafficNotMoved', message: /Tried to delete/ });
  }
});

errorTests(
  'ListResourceRecordSets',
  [...commonErrors, [400, 'InvalidInput', 'ServerUnsuitable']],
  () => route53,
  () => movable().read(signal),
);
errorTests(
  'ChangeResourceRecordSets',
  [
    ...commonErrors,
    [400, 'InvalidInput', 'ServerUnsuitable'],
    [404, 'NoSuchHostedZone', 'ServerUnsuitable'],
    [404, 'NoSuchHealthCheck', 'ServerUnsuitable'],
    [400, 'PriorRequestNotComplete', 'TrafficNotMoved'],
    [400, 'Throttling', 'TrafficNotMoved'],
  ],
  () => route53,
  () => movable().put(values.west, signal),
);
errorTests(
  'GetChange',
  [...commonErrors, [400, 'InvalidInput', 'ServerUnsuitable']],
  () => route53,
  () => movable().settled('C1', signal),
);

test('a change that Route 53 does not know sends somebody to look', async () => {
  await assert.rejects(movable().settled('C9', signal), { name: 'TrafficNotMoved', hint: /look at the record/ });
});

test('Route 53 that does not answer is tried again', async () => {
  const nobody = { ...route53.environment, AWS_ENDPOINT_URL_ROUTE_53: 'http://127.0.0.1:9' };
  await assert.rejects(route53Name(name(), nobody).read(signal), { name: 'TrafficNotMoved', message: /ECONNREFUSED/ });
});
