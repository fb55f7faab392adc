import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import type { AwsDeployment } from '#model/aws-deployment';
import { parsePlan } from '#model/plan';
import { PlanInvalid } from '#model/plan-invalid';
import { restoreOrder } from '#model/restore-order';
import { requireDeployable } from '#stack/deployable-plan';

const planOf = (system: object, more: object = {}) =>
  parsePlan(
    JSON.stringify({
      bucket: '/b',
      encryption: 'none',
      sources: {
        orders: { connection: { host: 'h', user: 'u' } },
        ledger: { connection: { host: 'h', user: 'u' } },
        books: { kind: 'rds', instance: 'books-db', ...more },
      },
      systems: { shop: system },
    }),
    'plan.yml',
  );

const sources = [
  { source: 'orders', to: '/srv/orders', after: ['ledger'] },
  { source: 'ledger', to: '/srv/ledger', start: { port: 5433, settings: { fsync: false, work_mem: 5 } } },
];

test('a system says what is restored, stopped, set, started and asked', () => {
  const [shop] = planOf({
    sources,
    applications: [{ kind: 'file', path: 'web', active: 3 }],
    settings: [{ kind: 'file', path: 'address', value: 'db:5433' }],
    health: [
      { kind: 'sql', source: 'ledger', query: 'select 1', expect: 1 },
      { kind: 'sql', connection: { host: 'x', user: 'u' }, query: 'select 2', expect: 2 },
      { kind: 'http', url: 'http://localhost/', match: 'ok' },
    ],
    healthyWithin: '2m',
  }).systems;
  assert.equal(shop!.name, 'shop');
  assert.equal(shop!.healthyWithinMs, 120_000);
  assert.deepEqual(shop!.sources[1]!.start, { port: 5433, settings: { fsync: 'off', work_mem: '5' } });
  assert.deepEqual(shop!.applications, [{ kind: 'file', path: 'web', active: 3, idle: 0 }]);
  assert.deepEqual(shop!.settings, [{ kind: 'file', path: 'address', value: 'db:5433' }]);
  assert.deepEqual(
    shop!.health.map(({ source, connection, check }) => [check.kind, source, connection?.host]),
    [
      ['sql', 'ledger', undefined],
      ['sql', undefined, 'x'],
      ['http', undefined, undefined],
    ],
  );
});

const refusals: [what: string, system: object, message: RegExp][] = [
  ['no sources', { sources: [] }, /systems\.shop\.sources.*1 to 20 sources/],
  ['a source that there is not', { sources: [{ source: 'x', to: '/a' }] }, /one of orders, ledger/],
  ['a database of RDS', { sources: [{ source: 'books', to: '/a' }] }, /rds-restore/],
  ['a source twice', { sources: [sources[1]!, { ...sources[1]!, to: '/b', start: {} }] }, /each source once/],
  [
    'a place twice',
    { sources: [sources[1]!, { source: 'orders', to: '/srv//ledger' }] },
    /a directory of its own: ledger has this one/,
  ],
  [
    'a port twice',
    { sources: [sources[1]!, { source: 'orders', to: '/b', start: { port: 5433 } }] },
    /a port of its own: ledger has this one/,
  ],
  ['a relative place', { sources: [{ source: 'orders', to: 'a' }] }, /the absolute path of a directory/],
  ['an unknown dependency', { sources: [{ source: 'orders', to: '/a', after: ['books'] }] }, /after.*one of orders/],
  [
    'a circle',
    { sources: [sources[0]!, { ...sources[1]!, after: ['orders'] }] },
    /an order without a circle: orders after ledger after orders/,
  ],
  ['itself', { sources: [{ source: 'orders', to: '/a', after: ['orders'] }] }, /without a circle: orders after orders/],
  ['a site', { sources, applications: [{ kind: 'file', path: 'w', active: 1, site: 'x' }] }, /a system has no sites/],
  ['an unknown kind', { sources, applications: [{ kind: 'vm', active: 1 }] }, /one of file, ecs, autoscaling/],
  ['a typo', { sources, applications: [{ kind: 'file', path: 'w', activ: 1 }] }, /did you mean "active"/],
  ['values', { sources, settings: [{ kind: 'file', path: 'w', values: {} }] }, /a system has one value/],
  ['no value', { sources, settings: [{ kind: 'file', path: 'w' }] }, /settings\[0\]\.value: .*text of one line/],
  ['two lines', { sources, settings: [{ kind: 'file', path: 'w', value: 'a\nb' }] }, /text of one line/],
  [
    'nobody to ask',
    { sources, health: [{ kind: 'sql', query: 'select 1', expect: 1 }] },
    /either source or connection/,
  ],
  [
    'a source of http',
    { sources, health: [{ kind: 'http', url: 'http://x/', source: 'orders' }] },
    /only an sql check/,
  ],
  [
    'a source of another system',
    { sources: [sources[1]!], health: [{ kind: 'sql', source: 'orders', query: 'select 1', expect: 1 }] },
    /health.*one of ledger/,
  ],
  ['a bad port', { sources: [{ source: 'orders', to: '/a', start: { port: 0 } }] }, /a whole number from 1 to 65535/],
];
for (const [what, system, message] of refusals) {
  test(`a system with ${what} is refused, and told what is allowed`, () => {
    assert.throws(
      () => planOf(system),
      (failure) => {
        assert.ok(failure instanceof PlanInvalid, String(failure));
        assert.match(failure.message, message);
        return true;
      },
    );
  });
}

test('every source is restored after those that it depends on, and otherwise as they stand', () => {
  const graphs = fc.array(fc.array(fc.nat({ max: 5 }), { maxLength: 3 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(graphs, (graph) => {
      const given = graph.map((after, index) => ({
        source: `s${index}`,
        after: after.filter((other) => other < graph.length).map((other) => `s${other}`),
      }));
      const found = restoreOrder(given);
      if (!found.possible) {
        for (const [index, name] of found.cycle.entries()) {
          const next = found.cycle[(index + 1) % found.cycle.length]!;
          assert.ok(given.find(({ source }) => source === name)!.after.includes(next), found.cycle.join(' '));
        }
        return;
      }
      const names = found.order.map(({ source }) => source);
      assert.deepEqual([...names].sort(), given.map(({ source }) => source).sort());
      for (const [place, { after }] of found.order.entries())
        for (const name of after) assert.ok(names.indexOf(name) < place, `${name} is not before ${names[place]}`);
      if (given.every(({ after }) => after.length === 0))
        assert.deepEqual(
          names,
          given.map(({ source }) => source),
        );
    }),
  );
});

const deployed = (system: object) =>
  requireDeployable({
    ...planOf({ sources: [{ source: 'orders', to: '/var/lib/lifeboat/orders' }], ...system }),
    bucket: 'stack',
    aws: { stack: 'prod', region: 'eu-central-1' } as AwsDeployment,
  });

test('what only one machine can do is not deployed', () => {
  assert.doesNotThrow(() => deployed({}));
  assert.throws(
    () => deployed({ sources: [{ source: 'orders', to: '/var/lib/lifeboat/orders', start: {} }] }),
    /systems\.shop\.sources\.0\.start: .*lies on a volume, and nobody is there to start its server/,
  );
  assert.throws(
    () => deployed({ applications: [{ kind: 'file', path: 'web', active: 1 }] }),
    /systems\.shop\.applications\.0\.kind: "file" is not allowed: .*functions have no files of yours/,
  );
});
