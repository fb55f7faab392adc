import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { holdLease } from '#catalog/execution-lease';
import { readFailoverStanding } from '#catalog/failover-standing';
import { embeddedInstallation } from '#harness/postgres-installations';
import { ReplicatedPair } from '#harness/replicated-pair';
import { StoredSource } from '#harness/stored-source';
import { thisProcess } from '#runtime/this-process';
import { catalogKey, failoverStandingKey } from '#store/bucket-layout';
import { DeployedFunctions } from './deployed-functions.ts';

/*
 * What moves a primary and what brings a system back, as it is deployed: each function from its zip, in a process of its own, with the
 * rights of its role and no others, against two real servers. What RDS, EC2, Auto Scaling, CloudWatch and EKS are asked is judged by their
 * ARNs in failover-stack.test.ts, since their protocols are not spoken here.
 */
const values = { east: 'east.example.org', west: 'west.example.org' };
const account = 'arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_';

let pair: ReplicatedPair;
let deployed: DeployedFunctions;
let source: StoredSource;
const parameters = new Map<string, string>();
const counts = new Map<string, number>();
let record = values.east;

before(async () => {
  pair = await ReplicatedPair.create(embeddedInstallation());
  deployed = await DeployedFunctions.create(JSON.stringify(planOf(pair)));
  Object.assign(deployed.answers, answers());
  const vault = { store: deployed.vault.store, keyRing: deployed.vault.keyRing };
  source = await StoredSource.create({ vault });
  await source.commit();
  await source.backup();
  await source.backup({ source: 'orders' });
});
after(async () => {
  await deployed?.close();
  await pair?.remove();
  source?.remove();
});

function planOf({ east, west }: ReplicatedPair) {
  const server = ({ connection }: ReplicatedPair['east'], name: string) => ({
    server: {
      kind: 'postgres',
      connection: { ...connection, host: '127.0.0.1', password: `secret:lifeboat/${name}` },
      control: { kind: 'sql' },
    },
  });
  const ecs = { kind: 'ecs', cluster: 'shop', region: 'eu-west-1', active: 4 };
  const orders = { ...west.connection, host: '127.0.0.1', password: 'secret:lifeboat/orders' };
  return {
    bucket: 'stack',
    encryption: { kmsKey: 'stack' },
    aws: { stack: 'lifeboat-prod', region: 'eu-central-1' },
    approvers: [{ name: 'grace' }],
    sources: {
      orders: { connection: orders },
      main: { connection: orders },
    },
    failover: {
      shop: {
        source: 'orders',
        home: 'east',
        sites: { east: server(east, 'east'), west: server(west, 'west') },
        names: [{ kind: 'route53', zone: 'Z1', name: 'db.example.org', values }],
        capacity: [{ ...ecs, service: 'web', site: 'west' }],
        settings: [
          { kind: 'ssm', parameter: '/shop/db', region: 'eu-west-1', values },
          { kind: 'secret', secret: 'shop/db', field: 'host', region: 'eu-west-1', values },
        ],
        health: [{ kind: 'sql', query: 'select 1', expect: 1 }],
        proposeAfter: '1m',
      },
    },
    systems: {
      shop: {
        sources: [{ source: 'main', to: '/var/lib/lifeboat/main' }],
        applications: [{ ...ecs, service: 'worker' }],
        settings: [{ kind: 'ssm', parameter: '/shop/mode', region: 'eu-west-1', value: 'recovered' }],
        health: [{ kind: 'sql', source: 'main', query: 'select 1', expect: 1 }],
      },
    },
  };
}

function answers(): DeployedFunctions['answers'] {
  const xml = (name: string, inner: string) => ({
    xml: `<${name} xmlns="https://route53.amazonaws.com/doc/2013-04-01/">${inner}</${name}>`,
  });
  const change = (status: string) =>
    `<ChangeInfo><Id>/change/C1</Id><Status>${status}</Status><SubmittedAt>2026-11-20T05:13:45Z</SubmittedAt></ChangeInfo>`;
  const versions = new Map([['shop/db', JSON.stringify({ host: values.east, password: 'x' })]]);
  const service = (name: string) => {
    const desired = counts.get(name) ?? 1;
    return {
      ...{ serviceName: name, status: 'ACTIVE', desiredCount: desired, runningCount: desired, pendingCount: 0 },
      ...{ deployments: [], schedulingStrategy: 'REPLICA' },
    };
  };
  return {
    'secretsmanager:GetSecretValue': ({ SecretId }) => ({
      ...{ SecretString: versions.get(SecretId!) ?? 'a password', VersionId: 'v'.repeat(32), Name: SecretId },
      VersionStages: ['AWSCURRENT'],
    }),
    'secretsmanager:PutSecretValue': ({ SecretId, SecretString }) => {
      versions.set(SecretId!, SecretString!);
      return { VersionId: 'w'.repeat(32), VersionStages: ['AWSCURRENT'] };
    },
    'ssm:GetParameter': ({ Name }) => ({
      Parameter: { Name, Value: parameters.get(Name!) ?? values.east, Type: 'String', Version: 1, DataType: 'text' },
    }),
    'ssm:PutParameter': ({ Name, Value }) => {
      parameters.set(Name!, Value!);
      return { Version: 2, Tier: 'Standard' };
    },
    'ecs:DescribeServices': ({ services }) => ({ services: (services as unknown as string[]).map(service) }),
    'ecs:UpdateService': ({ service: name, desiredCount }) => {
      counts.set(name!, Number(desiredCount));
      return { service: service(name!) };
    },
    'states:ListExecutions': () => ({ executions: [] }),
    'route53:GetHostedZone': () =>
      xml(
        'GetHostedZoneResponse',
        '<HostedZone><Id>/hostedzone/Z1</Id><Name>example.org.</Name><CallerReference>1</CallerReference></HostedZone>',
      ),
    'route53:ListResourceRecordSets': () =>
      xml(
        'ListResourceRecordSetsResponse',
        `<ResourceRecordSets><ResourceRecordSet><Name>db.example.org.</Name><Type>CNAME</Type><TTL>30</TTL><ResourceRecords><ResourceRecord><Value>${record}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>1</MaxItems>`,
      ),
    'route53:ChangeResourceRecordSets': ({ body }) => {
      record = /<Value>([^<]*)</.exec(body!)![1]!;
      return xml('ChangeResourceRecordSetsResponse', change('PENDING'));
    },
    'route53:GetChange': () => xml('GetChangeResponse', change('INSYNC')),
    'states:StartExecution': ({ stateMachineArn, name }) => ({
      executionArn: `${stateMachineArn!.replace(':stateMachine:', ':execution:')}:${name}`,
      startDate: 1_795_150_425,
    }),
  };
}

async function invoke(name: string, event: object): Promise<Record<string, unknown>> {
  const { payload, error } = await deployed.invoke(name, event);
  assert.equal(error, undefined, `${name}: ${JSON.stringify(error)}`);
  return payload as Record<string, unknown>;
}

test('an outage is watched and proposed once, by starting the machine', async () => {
  const { store } = deployed.vault;
  await pair.east.stop('fast');
  await invoke('watch-failover', {});
  const standing = (await readFailoverStanding(store, 'shop'))!;
  assert.ok(standing.gone, JSON.stringify(standing));
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const { etag } = (await store.head(failoverStandingKey('shop')))!;
  const longAgo = { ...standing, gone: { ...standing.gone, since, looks: 60 } };
  await store.put(failoverStandingKey('shop'), Buffer.from(JSON.stringify(longAgo)), { condition: { etag } });
  await invoke('watch-failover', {});
  const started = (await deployed.sentBy('watch-failover')).filter(({ action }) => action === 'states:StartExecution');
  assert.deepEqual(
    started.map(({ input }) => [input.stateMachineArn!.split(':').at(-1), input.name!.replace(/-[^-]*$/, '')]),
    [['lifeboat-prod_failover', 'propose-shop']],
  );
  const told = (await deployed.sentBy('watch-failover')).filter(({ action }) => action === 'sns:Publish');
  assert.ok(told.length > 0);
  await pair.east.start();
  await pair.untilCaughtUp();
});

test('a primary is moved: planned, fenced, promoted, followed, healthy', async () => {
  const earlier = `${account}failover:earlier`;
  await invoke('record-evidence', { id: `${earlier}:moved`, what: 'moved', outcome: 'succeeded', source: 'orders' });
  // what the catalog has lost is read from the manifests
  await deployed.vault.store.delete(catalogKey('orders'));
  const execution = `${account}failover:move`;
  const input = { group: 'shop', planned: true, requestedBy: 'ada' };
  const plan = await invoke('plan-failover', { input });
  assert.deepEqual([plan.mode, plan.from, plan.to], ['switchover', 'east', 'west']);
  const checked = await invoke('move-traffic', { execution, group: 'shop', part: 'names', to: 'west', check: true });
  assert.deepEqual(checked.problems, []);
  const other = { execution: earlier, group: 'shop', site: 'east' };
  await invoke('fence-primary', { ...other, gently: true });
  assert.equal((await invoke('fence-primary', { ...other, undo: true })).undone, true);
  await invoke('end-failover', { execution: earlier, group: 'shop' });
  await invoke('recheck-failover', { execution, input, planHash: plan.planHash });
  const fenced = await invoke('fence-primary', { execution, group: 'shop', site: 'east', gently: true });
  assert.equal(fenced.strength, 'soft');
  const promotion = { execution, group: 'shop', site: 'west', from: 'east', end: fenced.end, gently: true };
  assert.equal((await invoke('promote-standby', { ...promotion, look: true })).done, false);
  assert.equal((await invoke('promote-standby', promotion)).done, true);
  for (const part of ['names', 'capacity', 'settings']) {
    const moved = await invoke('move-traffic', { execution, group: 'shop', part, to: 'west' });
    assert.equal(moved.settled, true, JSON.stringify(moved));
  }
  assert.deepEqual([record, counts.get('web'), parameters.get('/shop/db')], [values.west, 4, values.west]);
  assert.equal((await invoke('check-health', { group: 'shop', to: 'west' })).healthy, true);
  assert.deepEqual(await invoke('end-failover', { execution, group: 'shop' }), { released: true });
  const standby = await invoke('check-standby', { group: 'shop', site: 'east' });
  assert.equal(standby.caughtUp, false);
  // what was a primary, and is only fenced by SQL, is none of ours to rebuild
  const { payload, error } = await deployed.invoke('plan-failback', { input: { group: 'shop' } });
  assert.ok(payload ?? error!.errorType === 'NotReady', JSON.stringify(error));
});

test('a system is planned, stopped, put right, started and undone', async () => {
  const execution = `${account}system-recovery:all`;
  const system = 'shop';
  const plan = await invoke('plan-system', { input: { system, requestedBy: 'ada' } });
  const { sources, planHash } = plan as {
    sources: { request: object; planHash: string; decided: string }[];
    planHash: string;
  };
  const approved = sources.map(({ request, planHash: hash, decided }) => ({ request, planHash: hash, decided }));
  await invoke('recheck-system', { execution, system, planHash, sources: approved });
  counts.set('worker', 3);
  assert.equal((await invoke('move-applications', { execution, system, to: 'stopped' })).settled, true);
  assert.equal(counts.get('worker'), 0);
  await invoke('put-system-settings', { execution, system });
  assert.equal(parameters.get('/shop/mode'), 'recovered');
  assert.equal((await invoke('move-applications', { execution, system, to: 'started' })).settled, true);
  assert.equal((await invoke('check-system-health', { system })).healthy, true);
  assert.equal((await invoke('undo-system-recovery', { execution, system })).settled, true);
  assert.deepEqual([counts.get('worker'), parameters.get('/shop/mode')], [3, values.east]);
  await invoke('end-system-recovery', { execution, system });
  const { error } = await deployed.invoke('start-restored-server', { execution, system, source: 'main' });
  assert.equal(error?.errorType, 'InputInvalid');
});

test('what an execution held that has ended is free, whichever machine it was of, and moves nothing', async () => {
  const { store } = deployed.vault;
  const planHash = 'ab'.repeat(32);
  const hold = (source: string, machine: string) =>
    holdLease(store, source, 'failover', {
      ...thisProcess(),
      execution: `${account}${machine}:ended`,
      now: new Date(),
    });
  const [recovery, system] = [`${account}system-recovery:next`, 'shop'];
  const plan = await invoke('plan-system', { input: { system, requestedBy: 'ada' } });
  const planned = plan.sources as { request: object; planHash: string; decided: string }[];
  const approved = planned.map(({ request, planHash: hash, decided }) => ({ request, planHash: hash, decided }));
  const refused = async (name: string, event: object) => {
    const { error } = await deployed.invoke(name, event);
    assert.match(String(error?.errorType), /^(?:PlanChanged|TwoPrimaries|NotReady)$/, JSON.stringify(error));
  };
  for (const machine of ['failback', 'failover', 'system-recovery']) {
    await hold('orders', machine);
    await invoke('watch-failover', {});
    const { moved } = (await readFailoverStanding(store, 'shop'))!;
    assert.notEqual(moved?.execution, `${account}${machine}:ended`);
    await refused('recheck-failover', { execution: `${account}failover:next`, input: { group: 'shop' }, planHash });
    await hold('main', machine);
    await invoke('recheck-system', { execution: recovery, system, planHash: plan.planHash, sources: approved });
    await invoke('end-system-recovery', { execution: recovery, system });
  }
});

test('answers reach who waits: a failover, and a system', async () => {
  const sent: string[] = [];
  deployed.answers['states:SendTaskSuccess'] = ({ taskToken }) => {
    sent.push(taskToken!);
    return {};
  };
  for (const machine of ['failover', 'system-recovery']) {
    const execution = `${account}${machine}:asked`;
    const question = {
      execution,
      machine,
      source: 'orders',
      planHash: 'ab'.repeat(32),
      plan: 'move it',
      requestedBy: 'ada',
    };
    await invoke('ask-approval', { ...question, expiresInSeconds: 3600, taskToken: `${machine}-token-1` });
    await invoke('answer-approval', {
      execution,
      decision: 'approve',
      plan: question.planHash,
      by: 'grace',
      reason: 'seen',
    });
  }
  assert.deepEqual(sent, ['failover-token-1', 'system-recovery-token-1']);
});

/** As in bundles.test.ts: what Lambda does in a function's name, reads that go on with a version, and that something is missing. */
const unseen = /^(?:ec2|logs|sqs|xray):|^s3:(?:GetObjectVersion|ListBucket) /;

/** What these moves had no reason to do. */
const notHere: Record<string, RegExp> = {
  // keys that were wrapped anew: plan-restore does the same in bundles.test.ts
  'plan-system': /\/keys\//,
  'recheck-system': /\/keys\//,
  // a parameter that was not there before is taken away again
  'move-traffic': /^ssm:DeleteParameter /,
  'put-system-settings': /^ssm:DeleteParameter /,
  'undo-system-recovery': /^ssm:DeleteParameter /,
};
const asked =
  /^(?:(?:plan|recheck)-(?:failover|failback|system)|fence-|promote-|move-|put-system|undo-system|end-|check-(?:health|standby|system)|watch-failover|start-restored)/;

test('none of them asked for what its role does not allow, and no role allows what it did not ask for', async () => {
  const wrong: Record<string, string[]> = {};
  for (const name of deployed.names.filter((one) => asked.test(one))) {
    const denied = (await deployed.deniedOf(name)).map((one) => `refused ${JSON.stringify(one)}`);
    const unused = deployed.policies
      .get(name)!
      .unused()
      .filter((grant) => !unseen.test(grant) && !notHere[name]?.test(grant));
    const found = [...denied, ...unused.map((grant) => `unused ${grant}`)];
    if (found.length > 0) wrong[name] = found;
  }
  assert.deepEqual(wrong, {});
});
