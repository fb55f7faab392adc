import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { approvalText, type CallerProof, checkProof, type StsPlace, stsOrigin } from '#model/caller-proof';

const execution = 'arn:aws:states:eu-central-1:123456789012:execution:lifeboat-prod_restore:orders-back';
const plan = '379ec2ea74d5';
const approval = approvalText({ execution, decision: 'approve', plan });
const aws: StsPlace = { endpoint: undefined, region: 'eu-central-1' };
const now = new Date('2026-11-20T05:13:45Z');

const query = {
  Action: 'GetCallerIdentity',
  Version: '2011-06-15',
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Credential': 'ASIAEXAMPLE/20261120/eu-central-1/sts/aws4_request',
  'X-Amz-Date': '20261120T051340Z',
  'X-Amz-Expires': '300',
  'X-Amz-SignedHeaders': 'host;x-lifeboat-approval',
  'X-Amz-Security-Token': 'FwoGZXIvYXdzEA+/==',
  'X-Amz-Signature': 'ab'.repeat(32),
};

function proofOf(change: Record<string, string | undefined> = {}, origin = stsOrigin(aws)): CallerProof {
  const entries = Object.entries({ ...query, ...change }).filter(([, value]) => value !== undefined);
  return { url: `${origin}/?${new URLSearchParams(entries as [string, string][])}`, approval };
}

function verdict(proof: CallerProof, sts = aws, expected = approval): string {
  const outcome = checkProof(proof, { approval: expected, sts, now });
  return outcome.ok ? 'asked' : outcome.reason;
}

describe('a proof of who answers', () => {
  test('is taken to STS when it can only tell who made it, now, for this answer', () => {
    assert.equal(verdict(proofOf()), 'asked');
    assert.equal(verdict(proofOf({}, 'https://sts.amazonaws.com')), 'asked');
    assert.equal(verdict(proofOf({ 'X-Amz-Security-Token': undefined })), 'asked');
    const china = { endpoint: undefined, region: 'cn-north-1' };
    assert.equal(verdict(proofOf({}, 'https://sts.cn-north-1.amazonaws.com.cn'), china), 'asked');
  });

  test('is for one execution, one decision and one plan', () => {
    for (const answer of [
      { execution: `${execution}-2`, decision: 'approve', plan },
      { execution: execution.replace('123456789012', '210987654321'), decision: 'approve', plan },
      { execution, decision: 'reject', plan },
      { execution, decision: 'approve', plan: '479ec2ea74d5' },
    ] as const)
      assert.equal(verdict(proofOf(), aws, approvalText(answer)), 'it was made for another answer');
  });

  test('names an execution with any letters in a header', () => {
    const text = approvalText({ execution: 'arn:…:zurück', decision: 'reject', plan });
    assert.match(text, /^[\x21-\x7e]+ reject 379ec2ea74d5$/);
  });

  test('leads nowhere but to STS', () => {
    const leads =
      /its URL does not lead to https:\/\/sts\.eu-central-1\.amazonaws\.com or https:\/\/sts\.amazonaws\.com/;
    for (const origin of [
      'http://sts.eu-central-1.amazonaws.com',
      'https://sts.eu-west-1.amazonaws.com',
      'https://sts.eu-central-1.amazonaws.com.evil.example',
      'https://sts.s3.amazonaws.com',
      'https://evil.example',
      'https://sts.eu-central-1.amazonaws.com:8443',
      'https://sts.amazonaws.com@evil.example',
      'file://',
    ])
      assert.match(verdict(proofOf({}, origin)), leads, origin);
    assert.equal(verdict({ url: 'nonsense', approval }), 'it has no URL');
    for (const url of [
      proofOf().url.replace('.com/', '.com/elsewhere'),
      `${proofOf().url}#x`,
      proofOf().url.replace('//', '//user:password@'),
    ])
      assert.equal(verdict({ url, approval }), 'its URL is not that of STS alone');
  });

  test('leads to an endpoint that is configured, and then not to AWS', () => {
    const own = { endpoint: 'http://127.0.0.1:4566/sts', region: 'eu-central-1' };
    assert.equal(verdict(proofOf({}, 'http://127.0.0.1:4566'), own), 'asked');
    assert.equal(verdict(proofOf(), own), 'its URL does not lead to http://127.0.0.1:4566');
  });

  test('says each thing once and as it should, and nothing else', () => {
    const wrong: [Record<string, string | undefined>, string][] = [
      [{ Action: 'GetSessionToken' }, 'its URL has another Action than it should'],
      [{ Version: undefined }, 'its URL has no Version'],
      [{ 'X-Amz-Algorithm': 'none' }, 'its URL has another X-Amz-Algorithm than it should'],
      [
        { 'X-Amz-Credential': 'A/20261120/eu-central-1/s3/aws4_request' },
        'its URL has another X-Amz-Credential than it should',
      ],
      [{ 'X-Amz-Signature': undefined }, 'its URL has no X-Amz-Signature'],
      [{ RoleArn: 'arn:x' }, 'its URL has a parameter that does not belong there'],
      [{ __proto__x: 'x', constructor: 'y' }, 'its URL has a parameter that does not belong there'],
    ];
    for (const [change, reason] of wrong) assert.equal(verdict(proofOf(change)), reason);
    const twice = { url: `${proofOf().url}&Action=GetCallerIdentity`, approval };
    assert.equal(verdict(twice), 'its URL has Action twice');
  });

  test('signs the header that binds it', () => {
    for (const signed of ['host', 'x-lifeboat-approval', 'host;x-lifeboat-approval;x-other', 'host;x-other'])
      assert.equal(
        verdict(proofOf({ 'X-Amz-SignedHeaders': signed })),
        'it does not sign host and x-lifeboat-approval, and nothing else',
      );
  });

  test('is good for five minutes, before and after', () => {
    assert.equal(verdict(proofOf({ 'X-Amz-Expires': '301' })), 'it is good for more than 300 s');
    assert.equal(verdict(proofOf({ 'X-Amz-Date': '20261120T050845Z' })), 'asked');
    for (const date of ['20261120T050844Z', '20261120T051846Z', '20251120T051345Z'])
      assert.equal(
        verdict(proofOf({ 'X-Amz-Date': date })),
        `it was made at ${date}, and here it is 2026-11-20T05:13:45.000Z`,
      );
    assert.match(verdict(proofOf({ 'X-Amz-Date': '20269999T999999Z' })), /^it was made at/);
  });

  test('is shown by no reason', () => {
    const secret = proofOf().url;
    for (const change of [...Object.keys(query).map((name) => ({ [name]: 'a wrong one' })), { extra: 'x' }]) {
      const reason = verdict(proofOf(change));
      assert.notEqual(reason, 'asked', JSON.stringify(change));
      for (const part of ['ASIAEXAMPLE', 'FwoGZXIv', 'abababab', secret]) assert.ok(!reason.includes(part), reason);
    }
  });
});
