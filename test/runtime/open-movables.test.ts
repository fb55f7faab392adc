import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { failoverGroup } from '#model/failover-group';
import { openMovables } from '#runtime/open-movables';

const folder = mkdtempSync(join(tmpdir(), 'lifeboat-movables-'));
after(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();

const server = { kind: 'postgres', connection: { host: '/tmp', user: 'a' }, control: { kind: 'sql' } };
const values = { east: 'db-east', west: 'db-west' };
const cluster = { eks: 'prod', region: 'eu-west-1' };
const group = {
  name: 'shop',
  ...failoverGroup.parse({
    source: 'orders',
    home: 'east',
    sites: { east: { server }, west: { server } },
    settings: [
      { kind: 'file', path: `${folder}/setting`, values },
      { kind: 'ssm', parameter: '/shop/db', region: 'eu-west-1', values, site: 'west' },
      { kind: 'secret', secret: 'shop', field: 'host', region: 'eu-west-1', values },
      { kind: 'configmap', cluster, namespace: 'shop', name: 'db', key: 'host', values },
    ],
    capacity: [
      { kind: 'file', path: `${folder}/web`, site: 'west', active: 3, idle: 1 },
      { kind: 'ecs', cluster: 'shop', service: 'web', region: 'eu-west-1', site: 'east', active: 4 },
      { kind: 'autoscaling', group: 'workers', region: 'eu-west-1', site: 'east', active: 2 },
      { kind: 'deployment', cluster, namespace: 'shop', name: 'web', site: 'west', active: 2 },
    ],
    names: [
      { kind: 'file', path: `${folder}/name`, values },
      { kind: 'route53', zone: 'Z1', name: 'db.example.org', values },
    ],
  }),
};

test('names come first, then capacity, then settings, each with what it has to be', async () => {
  const environment = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
  const seen = (await openMovables(group, environment)).map(({ part, what, site, wanted }) =>
    [part, site ?? '-', what.replace(folder, ''), wanted('east'), wanted('west')].join(' | '),
  );
  assert.deepEqual(seen, [
    'names | - | file /name | db-east | db-west',
    'names | - | route53 db.example.org CNAME in Z1 | db-east | db-west',
    'capacity | west | file /web | 1 | 3',
    'capacity | east | ecs shop/web in eu-west-1 | 4 | 0',
    'capacity | east | auto scaling group workers in eu-west-1 | 2 | 0',
    'capacity | west | deployment shop/web in eks prod in eu-west-1 | 0 | 2',
    'settings | - | file /setting | db-east | db-west',
    'settings | west | ssm /shop/db in eu-west-1 | db-east | db-west',
    'settings | - | secret shop#host in eu-west-1 | db-east | db-west',
    'settings | - | configmap shop/db#host in eks prod in eu-west-1 | db-east | db-west',
  ]);
  assert.equal(new Set(seen).size, seen.length);
});

const isFile = ({ kind }: { kind: string }) => kind === 'file';
const onlyFiles = {
  names: group.names.filter(isFile),
  capacity: group.capacity.filter(isFile),
  settings: group.settings.filter(isFile),
};

test('what lies in files is put and read', async () => {
  for (const one of await openMovables({ ...group, ...onlyFiles }, {})) {
    await one.put(one.wanted('west'), signal);
    assert.equal(await one.read(signal), one.wanted('west'));
  }
});
