import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Access, judgeAccess, type PolicyDocument, type Statement } from '#harness/judge-access';
import { resolveResources } from '#harness/resolve-template';
import { packagedTemplate, type Resource, resourcesOf } from './packaged-template.ts';

const template = await packagedTemplate();
const resources = resolveResources(
  template,
  Object.keys(template.Resources).filter((name) => /Topic|^Tell/.test(name)),
);
const account = '111122223333';
const topicArn = (name: string) => `arn:aws:sns:eu-central-1:${account}:lifeboat-prod-${name}`;

/**
 * What a request has in its context. EventBridge says neither for whom nor for which rule it publishes; SNS names the topic in each
 * use of its key. https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
 */
const through = (topic: string) => ({ 'kms:encryptioncontext:aws:sns:topicarn': topic });
const cloudWatch = (alarm = 'lifeboat-prod-backup-failed', of = account) => ({
  'aws:sourceaccount': of,
  'aws:sourcearn': `arn:aws:cloudwatch:eu-central-1:${of}:alarm:${alarm}`,
});
const role = (of = account, service = 'sns') => ({
  'kms:calleraccount': of,
  'kms:viaservice': `${service}.eu-central-1.amazonaws.com`,
});

type Principal = { Service?: string; AWS?: string } | '*';
type Policy = PolicyDocument;
const principalOf = ({ Principal }: Statement): Principal => Principal as Principal;

/** Whether the statements for one principal let a request through. */
function lets(policy: Policy, principal: string, access: Access): boolean {
  const concerns = (statement: Statement) => {
    const whom = principalOf(statement);
    return whom === '*' || Object.values(whom).includes(principal) || whom.AWS === '*';
  };
  const { allowed, denied } = judgeAccess({ Statement: policy.Statement.filter(concerns) }, access);
  return allowed.length > 0 && denied.length === 0;
}

const keyPolicy = (from = resources) => from.TopicKey!.Properties!.KeyPolicy as Policy;
const topicPolicy = (from = resources) => from.FailureTopicPolicy!.Properties!.PolicyDocument as Policy;

/** Whether a message gets through: the topic takes it, and the key encrypts it. */
function gets(principal: string, context: Record<string, string>, from = resources): boolean {
  const topic = topicArn('failure');
  const used = { 'aws:securetransport': 'true', ...context };
  const published = lets(topicPolicy(from), principal, {
    action: 'sns:Publish',
    resource: (from.FailureTopicPolicy!.Properties!.Topics as string[])[0]!,
    context: used,
  });
  return published && encrypts(principal, { ...used, ...through(topic) }, from);
}

const encrypts = (principal: string, context: Record<string, string>, from = resources): boolean =>
  ['kms:GenerateDataKey', 'kms:Decrypt'].every((action) =>
    lets(keyPolicy(from), principal, { action, resource: 'this key', context }),
  );

describe('a message to the topic of failures', () => {
  test('of an alarm of the stack arrives', () => assert.ok(gets('cloudwatch.amazonaws.com', cloudWatch())));

  test('of an event arrives, though EventBridge tells no condition whose it is', () =>
    assert.ok(gets('events.amazonaws.com', {})));

  test("of another stack's or another account's alarm does not", () => {
    assert.ok(!gets('cloudwatch.amazonaws.com', cloudWatch('other-prod-backup-failed')));
    assert.ok(!gets('cloudwatch.amazonaws.com', cloudWatch('lifeboat-prod-backup-failed', '444455556666')));
    assert.ok(!gets('cloudwatch.amazonaws.com', {}));
  });

  test('of any other service does not', () => assert.ok(!gets('s3.amazonaws.com', cloudWatch())));

  test('in clear text does not', () =>
    assert.ok(!gets('cloudwatch.amazonaws.com', { ...cloudWatch(), 'aws:securetransport': 'false' })));

  const mistakes: Record<string, (from: Record<string, Resource>) => void> = {
    'the key asks EventBridge for its account': (from) =>
      Object.assign(keyPolicy(from).Statement.find(({ Sid }) => Sid === 'EventsOfTheStack')!, {
        Condition: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    'the topic asks EventBridge for its rule': (from) =>
      Object.assign(topicPolicy(from).Statement.find(({ Sid }) => Sid === 'EventsOfTheStack')!, {
        Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:events:eu-central-1:111122223333:rule/lifeboat-prod-*' } },
      }),
    'the key does not know EventBridge': (from) =>
      keyPolicy(from).Statement.splice(
        keyPolicy(from).Statement.findIndex(({ Sid }) => Sid === 'EventsOfTheStack'),
        1,
      ),
  };
  for (const [mistake, plant] of Object.entries(mistakes)) {
    test(`would be lost without a word: ${mistake}`, () => {
      const from = structuredClone(resources);
      plant(from);
      assert.ok(!gets('events.amazonaws.com', {}, from));
    });
  }
});

describe('the key of the topics', () => {
  for (const name of ['failure', 'question', 'success']) {
    test(`is used by whoever of the account publishes to the ${name} topic`, () =>
      assert.ok(encrypts('a role', { ...role(), ...through(topicArn(name)) })));
  }

  const others: [who: string, context: Record<string, string>][] = [
    ['another account', { ...role('444455556666'), ...through(topicArn('failure')) }],
    ['who does not come through SNS', { ...role(account, 's3'), ...through(topicArn('failure')) }],
    ['who publishes to another topic', { ...role(), ...through(`arn:aws:sns:eu-central-1:${account}:other`) }],
    ['who names no topic', role()],
  ];
  for (const [who, context] of others) {
    test(`is not used by ${who}`, () => assert.ok(!encrypts('a role', context)));
  }

  test('turns by itself', () => assert.equal(resources.TopicKey!.Properties!.EnableKeyRotation, true));
});

describe('each topic', () => {
  const topics = resourcesOf(template, 'AWS::SNS::Topic').map(([name]) => name);

  test('is one of three, named as the key and its users know it, and encrypted', () => {
    assert.deepEqual(topics.toSorted(), ['FailureTopic', 'QuestionTopic', 'SuccessTopic']);
    for (const name of topics) {
      const { TopicName, KmsMasterKeyId } = resources[name]!.Properties!;
      assert.equal(TopicName, `lifeboat-prod-${name.replace('Topic', '').toLowerCase()}`);
      assert.match(String(KmsMasterKeyId), /:key\/topickey$/);
    }
  });

  for (const name of topics) {
    test(`leads to the function that tells, which lets it in: ${name}`, () => {
      const own = ([, { Properties = {} }]: [string, Resource], field: string) =>
        (Properties[field] as { Ref?: string } | undefined)?.Ref === name;
      const entries = Object.entries(template.Resources);
      const subscribed = entries.filter(
        (entry) => entry[1].Type === 'AWS::SNS::Subscription' && own(entry, 'TopicArn'),
      );
      const permitted = entries.filter(
        (entry) => entry[1].Type === 'AWS::Lambda::Permission' && own(entry, 'SourceArn'),
      );
      assert.deepEqual([subscribed.length, permitted.length], [1, 1]);
      const { Endpoint, Protocol, RedrivePolicy } = subscribed[0]![1].Properties!;
      assert.deepEqual([Endpoint, Protocol], [{ 'Fn::GetAtt': ['TellLambdaFunction', 'Arn'] }, 'lambda']);
      assert.deepEqual(RedrivePolicy, { deadLetterTargetArn: { 'Fn::GetAtt': ['DeadLetters', 'Arn'] } });
      const { FunctionName, Principal } = permitted[0]![1].Properties!;
      assert.deepEqual([FunctionName, Principal], [Endpoint, 'sns.amazonaws.com']);
    });

    test(`hands over to the dead letters, which take it: ${name}`, () => {
      const { DeadLettersPolicy } = resolveResources(template, ['DeadLettersPolicy']);
      const sns = (DeadLettersPolicy!.Properties!.PolicyDocument as Policy).Statement.filter(
        (statement) => (principalOf(statement) as { Service?: string }).Service === 'sns.amazonaws.com',
      );
      const topic = resolveResources(
        { ...template, Resources: { ...template.Resources, X: { Type: 'x', Properties: { Arn: { Ref: name } } } } },
        ['X'],
      ).X!.Properties!.Arn as string;
      const access = { action: 'sqs:SendMessage', resource: 'deadletters', context: { 'aws:sourcearn': topic } };
      assert.deepEqual(judgeAccess({ Statement: sns.map(({ Resource: _, ...one }) => one) }, access).allowed.length, 1);
    });
  }
});

test('functions know each topic by its occasion', () => {
  const environment = (template.Resources.WatchLambdaFunction!.Properties!.Environment as { Variables: object })
    .Variables;
  assert.deepEqual(
    Object.entries(environment).filter(([name]) => /_TOPIC$/.test(name)),
    [
      ['LIFEBOAT_FAILURE_TOPIC', { Ref: 'FailureTopic' }],
      ['LIFEBOAT_QUESTION_TOPIC', { Ref: 'QuestionTopic' }],
      ['LIFEBOAT_SUCCESS_TOPIC', { Ref: 'SuccessTopic' }],
    ],
  );
});
