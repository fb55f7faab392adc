import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formOf, type PostedMessage, pressPayload, signedHeaders } from '#harness/slack-press';
import { type UrlAnswer, urlEvent } from '#model/function-url';
import { noticeSchema } from '#model/notice';
import { toSlack } from '#notify/to-slack';
import { DeployedFunctions } from './deployed-functions.ts';
import { packagedTemplate, resourcesOf, type Template } from './packaged-template.ts';

const secret = '8f742231b10e8888abcd99yyyzzz85a5';
const ada = 'arn:aws:sts::111122223333:assumed-role/dba/ada@example.org';
const grace = 'arn:aws:sts::111122223333:assumed-role/dba/grace@example.org';
const plan = `
bucket: stack
encryption: { kmsKey: stack }
aws: { stack: lifeboat-prod, region: eu-central-1 }
sources:
  main: { connection: { host: 127.0.0.1, port: 1, user: lifeboat, password: "secret:lifeboat/main#password" } }
failover:
  shop:
    source: main
    home: east
    sites:
      east: { server: { kind: postgres, connection: { host: 127.0.0.1, port: 1, user: lifeboat }, control: { kind: sql } } }
      west: { server: { kind: postgres, connection: { host: 127.0.0.1, port: 2, user: lifeboat }, control: { kind: sql } } }
systems: { shop: { sources: [{ source: main, to: /var/lib/lifeboat/main }] } }
approvers:
  - { name: Ada, iam: "${ada}", slack: U012ADA34 }
  - { name: Grace, iam: "${grace}", slack: U012GRACE }
  - { name: Edsger, slack: U012EDSGER }
fourEyes: true
`;
const slack = 'slack: { signingSecret: "secret:lifeboat/slack-app#signingSecret", workspace: T012ABCDEF }\n';

let deployed: DeployedFunctions;
const sent: string[] = [];
before(async () => {
  deployed = await DeployedFunctions.create(plan + slack);
  deployed.answers['secretsmanager:GetSecretValue'] = () => ({
    SecretString: JSON.stringify({ signingSecret: secret }),
  });
  deployed.answers['states:SendTaskSuccess'] = ({ taskToken }) => {
    sent.push(taskToken!);
    return {};
  };
});
after(() => deployed?.close());

const arnOf = (machine: string, name: string): string =>
  `arn:aws:states:eu-central-1:111122223333:execution:lifeboat-prod_${machine}:${name}`;

/** The message that asks, as the function's own notice makes it. */
async function asked(name: string, requestedBy: string, machine = 'restore'): Promise<PostedMessage> {
  const { error } = await deployed.invoke('ask-approval', {
    ...{ execution: arnOf(machine, name), machine, source: 'main', planHash: 'ab'.repeat(32), plan: 'restore main' },
    ...{ requestedBy, expiresInSeconds: 3600, taskToken: `${machine}-token-${name}` },
  });
  assert.equal(error, undefined, JSON.stringify(error));
  const notices = (await deployed.sentBy('ask-approval')).filter(({ action }) => action === 'sns:Publish');
  return JSON.parse(JSON.stringify(toSlack(noticeSchema.parse(JSON.parse(notices.at(-1)!.input.Message!)))));
}

async function send(body: string, headers: Record<string, string>, method = 'POST'): Promise<UrlAnswer> {
  const event = urlEvent({ method, headers, body: Buffer.from(body), from: '192.0.2.1' });
  const { payload, error } = await deployed.invoke('slack-answer', event);
  assert.equal(error, undefined, JSON.stringify(error));
  return payload as UrlAnswer;
}

async function press(message: PostedMessage, user: string, decision: 'approve' | 'reject' = 'approve') {
  const body = formOf(pressPayload({ message, user, decision, reason: 'seen' }));
  const { statusCode, body: answered } = await send(body, signedHeaders(body, secret));
  return { statusCode, ...(JSON.parse(answered) as { response_type: string; text: string }) };
}

test('a press answers with the rights of its role alone, where answers by command prove an IAM identity', async () => {
  const { statusCode, text } = await press(await asked('lost-orders', grace), 'U012ADA34');
  assert.deepEqual([statusCode, text], [200, 'Approved by Ada: seen']);
  const others = ['rds-restore', 'retention', 'failover', 'system-recovery'];
  for (const machine of others) await press(await asked('books', grace, machine), 'U012ADA34', 'reject');
  assert.deepEqual(sent, ['restore-token-lost-orders', ...others.map((machine) => `${machine}-token-books`)]);
});

test('under four eyes the identity that asked and the user in Slack are told apart by the plan, or it does not count', async () => {
  const before = sent.length;
  const own = await press(await asked('own', grace), 'U012GRACE');
  assert.match(own.text, /four eyes, and Grace asked for it/);
  const unknown = arnOf('restore', 'x').replace(/states.*/, 'iam::111122223333:user/edsger');
  const maybe = await press(await asked('maybe', unknown), 'U012EDSGER');
  assert.match(maybe.text, /nothing tells Edsger in Slack from arn:aws:iam::111122223333:user\/edsger/);
  for (const { response_type } of [own, maybe]) assert.equal(response_type, 'ephemeral');
  assert.equal(sent.length, before);
});

test('what is not signed, or came before, is refused without a word, and nothing is asked of anybody for it', async () => {
  const message = await asked('unsigned', grace);
  const body = formOf(pressPayload({ message, user: 'U012ADA34', decision: 'approve', reason: 'seen' }));
  const headers = signedHeaders(body, secret);
  const empty = (statusCode: number) => ({
    statusCode,
    headers: statusCode === 405 ? { allow: 'POST' } : {},
    body: '',
  });
  assert.deepEqual(await send('', {}, 'GET'), empty(405));
  assert.deepEqual(await send('', {}, 'HEAD'), empty(405));
  assert.deepEqual(await send(body, {}), empty(401));
  assert.deepEqual(await send(body.replace('approve', 'reject'), headers), empty(401));
  assert.deepEqual(await send(body, signedHeaders(body, secret, new Date(Date.now() - 310_000))), empty(401));
  assert.deepEqual(await send(body, signedHeaders(body, secret, new Date(Date.now() + 310_000))), empty(401));
  const before = sent.length;
  assert.equal((await send(body, headers)).statusCode, 200);
  assert.deepEqual(await send(body, headers), empty(409));
  assert.equal(sent.length, before + 1);
  const log = await deployed.stop('slack-answer');
  const refused = log.filter(({ message: told }) => told === 'refused').map(({ reason }) => reason);
  assert.ok(refused.includes('not signed by Slack') && refused.includes('seen before'), JSON.stringify(refused));
  assert.doesNotMatch(JSON.stringify(log), /payload=|lifeboat-approve|8f742231b10e8888/);
});

test('its role was asked for nothing that it does not allow, and everything else that it allows was used', async () => {
  assert.deepEqual(await deployed.deniedOf('slack-answer'), []);
  const unused = deployed.policies.get('slack-answer')!.unused();
  // told by X-Ray and the log's own program; a version is named after an interruption; a plan that two answer tells again
  const unseen = /^(?:logs|xray):|s3:GetObjectVersion|sns:Publish/;
  assert.deepEqual(
    unused.filter((grant) => !unseen.test(grant)),
    [],
  );
});

test('the URL, its rights, its alarm and its output are there where the plan has slack, and nowhere else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-slack-'));
  after(() => rm(folder, { recursive: true }));
  const at = async (name: string, text: string): Promise<Template> => {
    await writeFile(join(folder, name), text);
    return packagedTemplate({ plan: join(folder, name) });
  };
  const [with_, without] = [
    await at('with.yml', plan + slack),
    await at('without.yml', plan.replace(/, slack: \w+/g, '')),
  ];
  const named = [without.Resources, without.Outputs].flatMap((part) => Object.keys(part));
  assert.deepEqual(
    named.filter((name) => /slack/i.test(name)),
    [],
  );
  assert.doesNotMatch(JSON.stringify(without), /slack-?answer|AWS::Lambda::Url/i);

  const target = { 'Fn::GetAtt': ['SlackAnswerLambdaFunction', 'Arn'] };
  assert.deepEqual(
    resourcesOf(with_, 'AWS::Lambda::Url').map(([, properties]) => properties),
    [{ AuthType: 'NONE', TargetFunctionArn: target }],
  );
  const everybody = resourcesOf(with_, 'AWS::Lambda::Permission').filter(([, { Principal }]) => Principal === '*');
  assert.deepEqual(
    everybody.map(([, { Action, FunctionName, FunctionUrlAuthType, InvokedViaFunctionUrl }]) => [
      ...[Action, FunctionName, FunctionUrlAuthType ?? InvokedViaFunctionUrl],
    ]),
    [
      ['lambda:InvokeFunctionUrl', target, 'NONE'],
      ['lambda:InvokeFunction', target, true],
    ],
  );
  const { ReservedConcurrentExecutions, Timeout } = with_.Resources.SlackAnswerLambdaFunction!.Properties!;
  assert.deepEqual([ReservedConcurrentExecutions, Timeout], [5, 20]);
  assert.ok('SlackAnswerFailsAlarm' in with_.Resources);
  assert.deepEqual(with_.Outputs.SlackUrl?.Value, { 'Fn::GetAtt': ['SlackAnswerLambdaFunctionUrl', 'FunctionUrl'] });
});
