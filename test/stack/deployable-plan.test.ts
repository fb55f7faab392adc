import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlan } from '#model/plan';
import { requireDeployable } from '#stack/deployable-plan';

type Json = Record<string, unknown>;
const connection = { host: 'db', user: 'lifeboat', password: 'secret:lifeboat/db' };
const control = { kind: 'ec2', instance: 'i-0a1b2c3d4e5f60718', region: 'eu-west-1' };
const site = (server: Json) => ({ server: { kind: 'postgres', connection, control, ...server } });
const values = { east: 'e', west: 'w' };

/** A plan with one group, changed. */
const planOf = ({ east = {}, source = {}, ...group }: Json & { east?: Json; source?: Json }) =>
  parsePlan(
    JSON.stringify({
      ...{ bucket: 'stack', encryption: 'none', aws: { stack: 'lifeboat-prod', region: 'eu-central-1' } },
      sources: { main: { connection: { ...connection, ...source } } },
      failover: { shop: { source: 'main', home: 'east', sites: { east: site(east), west: site({}) }, ...group } },
    }),
    'plan.yml',
  );

test('a group of servers, names and capacity that AWS reaches can be deployed', () => {
  requireDeployable(planOf({ names: [{ kind: 'route53', zone: 'Z1', name: 'db.example.org', values }] }));
});

const k8s = { server: 'https://k8s', token: 'secret:k8s' };
const deployment = (cluster: Json) => ({
  capacity: [{ kind: 'deployment', site: 'west', cluster, namespace: 'shop', name: 'web', active: 1 }],
});
const refused: [what: string, change: Parameters<typeof planOf>[0], says: RegExp][] = [
  [
    'a server of the machine that packages',
    { east: { control: { kind: 'local', dataDir: '/srv/data' } } },
    /^failover\.shop\.sites\.east\.server\.control\.kind: "local" .*ec2 or sql/,
  ],
  [
    'a socket',
    { east: { connection: { ...connection, host: '/run/postgresql' } } },
    /^failover\.shop\.sites\.east\.server\.connection\.host: "\/run\/postgresql" /,
  ],
  [
    'an authority in a file',
    { east: { connection: { ...connection, sslmode: 'verify-full', sslrootcert: '/etc/ca.pem' } } },
    /^failover\.shop\.sites\.east\.server\.connection\.sslrootcert: /,
  ],
  [
    'a check by a connection with an authority in a file',
    {
      source: { sslmode: 'verify-full', sslrootcert: '/etc/ca.pem' },
      health: [{ kind: 'sql', query: 'select 1', expect: 1 }],
    },
    /^failover\.shop\.health\.0\.kind: "sql" .*the connection of main has sslrootcert/,
  ],
  [
    'a name in a file',
    { names: [{ kind: 'file', path: '/etc/primary', values }] },
    /^failover\.shop\.names\.0\.kind: "file" /,
  ],
  [
    'capacity in a file',
    { capacity: [{ kind: 'file', path: '/etc/web', site: 'west', active: 1 }] },
    /^failover\.shop\.capacity\.0\.kind: "file" /,
  ],
  [
    'a setting in a file',
    { settings: [{ kind: 'file', path: '/etc/db', values }] },
    /^failover\.shop\.settings\.0\.kind: "file" /,
  ],
  ['a token in the environment', deployment({ ...k8s, token: 'env:TOKEN' }), /^plan: "env:TOKEN" .*secret:NAME/],
  [
    'an authority of a cluster in a file',
    deployment({ ...k8s, certificateAuthority: 'file:/etc/ca' }),
    /^plan: "file:\/etc\/ca" /,
  ],
];
for (const [what, change, says] of refused) {
  test(`${what} cannot be deployed, and one error says where it stands`, () => {
    assert.throws(() => requireDeployable(planOf(change)), { name: 'InputInvalid', message: says });
  });
}
