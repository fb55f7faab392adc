import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlan } from '#model/plan';

const server = { kind: 'postgres', connection: { host: 'db', user: 'a' }, control: { kind: 'sql' } };
const values = { east: 'a', west: 'b' };
const group = { source: 'main', home: 'east', sites: { east: { server }, west: { server } } };

/** JSON is YAML. */
const plan = (failover: object, more: object = {}) =>
  parsePlan(
    JSON.stringify({
      bucket: './bucket',
      encryption: 'none',
      sources: { main: { connection: { host: 'db', user: 'a' } }, other: { kind: 'rds', instance: 'ledger' } },
      failover,
      ...more,
    }),
    'plan.yml',
  );

test('what a group leaves out has a meaning', () => {
  const [shop] = plan({ shop: { ...group, proposeAfter: '3m' } }).failover;
  assert.deepEqual(
    { ...shop, home: shop!.home.name, recovery: shop!.recovery.name },
    {
      ...{
        name: 'shop',
        source: 'main',
        home: 'east',
        recovery: 'west',
        names: [],
        capacity: [],
        settings: [],
        health: [],
      },
      ...{ healthyWithinMs: 300_000, limits: { lagBytes: 16 << 20, lagMs: 60_000 }, proposeAfterMs: 180_000 },
      ...{ automatic: false, witnesses: [], rehearsal: { capacity: false } },
    },
  );
});

test('numbers have defaults where a mistake costs least', () => {
  const [shop] = plan({
    shop: {
      ...group,
      names: [{ kind: 'route53', zone: 'Z1', name: 'db.example.org', values }],
      capacity: [{ kind: 'file', path: './workers', site: 'west', active: 3 }],
      health: [{ kind: 'http', url: 'https://shop.example.org/' }],
    },
  }).failover;
  assert.deepEqual(shop!.names, [
    { kind: 'route53', zone: 'Z1', name: 'db.example.org', type: 'CNAME', ttlSeconds: 30, values },
  ]);
  assert.equal(shop!.capacity[0]!.idle, 0);
  assert.deepEqual(shop!.health, [
    { kind: 'http', name: 'http https://shop.example.org/', url: 'https://shop.example.org/', status: 200 },
  ]);
});

const rds = { server: { kind: 'rds', instance: 'a', region: 'eu-west-1' } };
const two = [
  { kind: 'http', url: 'http://w/' },
  { kind: 'alarm', alarm: 'gone', region: 'eu-west-1' },
];

const wrong: [what: string, failover: object, message: RegExp][] = [
  [
    'another source',
    { shop: { ...group, source: 'orders' } },
    /failover\.shop\.source: "orders" .* one of main, other$/,
  ],
  [
    'a source twice',
    { shop: group, again: group },
    /failover\.again\.source: "main" .* a source of its own: shop has this one$/,
  ],
  [
    'another home',
    { shop: { ...group, home: 'north' } },
    /failover\.shop\.home: "north" .* one of the sites east, west$/,
  ],
  ['one site', { shop: { ...group, sites: { east: { server } } } }, /failover\.shop\.sites: .* two sites$/],
  [
    'servers of two kinds',
    { shop: { ...group, sites: { east: { server }, west: rds } } },
    /failover\.shop\.sites\.west\.server\.kind: .* postgres, as at east$/,
  ],
  [
    'servers of another kind than the source',
    { shop: { ...group, source: 'other' } },
    /failover\.shop\.sites: .* servers of the kind of other, which is rds$/,
  ],
  [
    'a name without a value for a site',
    { shop: { ...group, names: [{ kind: 'file', path: './e', values: { east: 'a' } }] } },
    /failover\.shop\.names\[0\]\.values: .* a value for each of east, west$/,
  ],
  [
    'a value that has two lines',
    { shop: { ...group, names: [{ kind: 'file', path: './e', values: { east: 'a\nb', west: 'b' } }] } },
    /failover\.shop\.names\[0\]\.values\.east: .* text of one line/,
  ],
  [
    'capacity of another site',
    { shop: { ...group, capacity: [{ kind: 'file', path: './w', site: 'north', active: 1 }] } },
    /failover\.shop\.capacity\[0\]\.site: "north" .* one of the sites east, west$/,
  ],
  [
    'a setting of another site',
    { shop: { ...group, settings: [{ kind: 'file', path: './s', values, site: 'north' }] } },
    /failover\.shop\.settings\[0\]\.site: "north" .* one of the sites east, west$/,
  ],
  [
    'a health check of one site alone',
    { shop: { ...group, health: [{ kind: 'http', url: { east: 'https://e/' } }] } },
    /failover\.shop\.health\[0\]\.url: .* a URL for each of east, west$/,
  ],
  [
    'what is no expression',
    { shop: { ...group, health: [{ kind: 'http', url: 'https://e/', match: '(' }] } },
    /failover\.shop\.health\[0\]\.match: "\(" .* a regular expression$/,
  ],
  [
    'automatic without witnesses',
    { shop: { ...group, automatic: true } },
    /failover\.shop\.automatic: .* two witnesses/,
  ],
  [
    'automatic with two of one kind',
    { shop: { ...group, automatic: true, proposeAfter: '3m', witnesses: [two[0], two[0]] } },
    /failover\.shop\.automatic: .* two witnesses of different kinds$/,
  ],
  [
    'automatic that nobody begins',
    { shop: { ...group, automatic: true, witnesses: two } },
    /failover\.shop\.automatic: .* unless there is proposeAfter$/,
  ],
  ['a word too many', { shop: { ...group, helth: [] } }, /failover\.shop: .*did you mean "health"\?|helth/],
  ['a limit without a unit', { shop: { ...group, limits: { lag: '16' } } }, /limits\.lag: "16" .* a number and a unit/],
  ['a time without a unit', { shop: { ...group, proposeAfter: 3 } }, /proposeAfter: 3 .* a whole number and a unit/],
];
for (const [what, failover, message] of wrong)
  test(`refused: ${what}`, () => assert.throws(() => plan(failover), { name: 'PlanInvalid', message }));
