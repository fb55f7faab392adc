import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSecretReference, type SecretReference } from '#model/secret-reference';
import { openSenders } from '#runtime/open-senders';
import { doubtSecret, resolveSecret } from '#runtime/resolve-secret';
import { httpServer } from './http-server.ts';

type Answer = { SecretString?: string; SecretBinary?: string } | { refused: string; status?: number };

/**
 * Secrets Manager, as far as it answers GetSecretValue; each secret gives its answers in turn, the last one for good.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
 */
async function secretsManager(secrets: Record<string, Answer[]>) {
  const asked: string[] = [];
  const { url } = await httpServer((request, response) => {
    const { 'x-amz-target': target, authorization = '' } = request.headers;
    assert.equal(target, 'secretsmanager.GetSecretValue');
    assert.match(authorization, /\/eu-central-1\/secretsmanager\/aws4_request/);
    const { SecretId } = JSON.parse(request.body);
    asked.push(SecretId);
    const answers = secrets[SecretId] ?? [{ refused: 'ResourceNotFoundException' }];
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if ('refused' in answer) {
      const body = { __type: answer.refused, message: 'User arn:aws:sts::123456789012:assumed-role/x is not hunter2' };
      return void response.writeHead(answer.status ?? 400).end(JSON.stringify(body));
    }
    const ARN = `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${SecretId}-a1b2c3`;
    response.end(JSON.stringify({ ARN, Name: SecretId, VersionId: 'v', VersionStages: ['AWSCURRENT'], ...answer }));
  });
  const environment = {
    AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'test-secret',
  };
  return { asked, environment, resolve: (text: string) => resolveSecret(reference(text), environment, 'a.field') };
}

const reference = (text: string): SecretReference => parseSecretReference(text)!;

test('a secret is the text that it is, or one text of the JSON that it is', async () => {
  const { resolve, asked } = await secretsManager({
    'lifeboat/plain': [{ SecretString: 'hunter2 \n' }],
    'lifeboat/main': [{ SecretString: '{"username":"ada","password":"hunter2","port":5432}' }],
  });
  assert.equal(await resolve('secret:lifeboat/plain'), 'hunter2 \n');
  assert.equal(await resolve('secret:lifeboat/main#password'), 'hunter2');
  assert.equal(await resolve('secret:lifeboat/main#port'), '5432');
  assert.deepEqual(asked, ['lifeboat/plain', 'lifeboat/main']);
});

test('who asks again within minutes, or at the same time, is answered with what is known', async () => {
  const { resolve, asked } = await secretsManager({ warm: [{ SecretString: 'hunter2' }] });
  await Promise.all([resolve('secret:warm'), resolve('secret:warm')]);
  await resolve('secret:warm');
  assert.deepEqual(asked, ['warm']);
});

test('the secret of another region or account is another one', async () => {
  const one = await secretsManager({ same: [{ SecretString: 'one' }] });
  const other = await secretsManager({ same: [{ SecretString: 'other' }] });
  assert.deepEqual([await one.resolve('secret:same'), await other.resolve('secret:same')], ['one', 'other']);
});

test('a secret that was found wrong is read anew', async () => {
  const { resolve, environment } = await secretsManager({
    turned: [{ SecretString: 'old' }, { SecretString: 'next' }],
  });
  assert.equal(await resolve('secret:turned'), 'old');
  await doubtSecret(reference('secret:turned'), environment);
  assert.equal(await resolve('secret:turned'), 'next');
});

test('a webhook that was replaced counts with the next message', async () => {
  const gone = await httpServer((_, response) => response.writeHead(404).end());
  const there = await httpServer((_, response) => response.end());
  const { environment } = await secretsManager({ hook: [{ SecretString: gone.url }, { SecretString: there.url }] });
  const post = () =>
    openSenders(environment).post(reference('secret:hook'), { headers: {}, body: '{}' }, AbortSignal.timeout(5_000));
  assert.equal((await post()).taken, false);
  assert.equal((await post()).taken, true);
});

const refusals: [name: string, asked: string, answer: Answer[], told: RegExp][] = [
  ['that is not there', 'secret:nowhere', [], /got ResourceNotFoundException$/],
  ['that nobody may read', 'secret:denied', [{ refused: 'AccessDeniedException' }], /got AccessDeniedException$/],
  ['whose key nobody may use', 'secret:sealed', [{ refused: 'DecryptionFailure' }], /got DecryptionFailure$/],
  ['of bytes', 'secret:bytes', [{ SecretBinary: 'aHVudGVyMg==' }], /expected a secret of text, not of bytes$/],
  ['that is empty', 'secret:empty', [{ SecretString: '' }], /expected a secret that is not empty$/],
  ['that is no JSON', 'secret:text#password', [{ SecretString: 'hunter2' }], /JSON with the text "password" in it$/],
  ['without that text', 'secret:json#password', [{ SecretString: '{"pass":"hunter2"}' }], /"password" in it$/],
  ['of nothing', 'secret:null#password', [{ SecretString: 'null' }], /"password" in it$/],
  ['of a map there', 'secret:deep#password', [{ SecretString: '{"password":{"a":"hunter2"}}' }], /"password" in it$/],
];
for (const [name, asked, answers, told] of refusals) {
  test(`a secret ${name} is refused by its reference, and nothing of it is shown`, async () => {
    const known = answers.length === 0 ? {} : { [/:([^#]+)/.exec(asked)![1]!]: answers };
    const { resolve } = await secretsManager(known);
    await assert.rejects(resolve(asked), (error: Error & { hint?: string }) => {
      assert.equal(error.name, 'InputInvalid');
      assert.ok(error.message.startsWith(`a.field: "${asked}" is not allowed: expected `), error.message);
      assert.match(error.message, told);
      assert.doesNotMatch(`${error.stack} ${error.hint} ${JSON.stringify(error)}`, /hunter2|aHVudGVyMg/);
      return true;
    });
  });
}

const passing: [name: string, Answer][] = [
  ['throttles', { refused: 'ThrottlingException' }],
  ['breaks', { refused: 'InternalServiceError', status: 500 }],
];
for (const [name, answer] of passing) {
  test(`a service that ${name} for a moment is asked again`, async () => {
    const { resolve, asked } = await secretsManager({ [name]: [answer, answer, { SecretString: 'hunter2' }] });
    assert.equal(await resolve(`secret:${name}`), 'hunter2');
    assert.equal(asked.length, 3);
  });
}

test('what could not be read is asked for again at once', async () => {
  const { resolve } = await secretsManager({
    late: [{ refused: 'AccessDeniedException' }, { SecretString: 'hunter2' }],
  });
  await assert.rejects(resolve('secret:late'), { name: 'InputInvalid' });
  assert.equal(await resolve('secret:late'), 'hunter2');
});
