import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#harness/fast-check';
import { isSignedBySlack, readSlackSignature, slackRequestDigest } from '#notify/slack-request';

// the example that Slack's own page is worked out with
const secret = '8f742231b10e8888abcd99yyyzzz85a5';
const timestamp = '1531420618';
const body = Buffer.from(
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
);
const signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503';
const headers = { 'x-slack-request-timestamp': timestamp, 'x-slack-signature': signature };
const signedAt = new Date(Number(timestamp) * 1000);
const later = (seconds: number) => new Date(signedAt.getTime() + seconds * 1000);

test("what Slack's own example signs is Slack's", () => {
  const read = readSlackSignature(headers, signedAt);
  assert.deepEqual(read, { ok: true, timestamp, signature });
  assert.ok(isSignedBySlack({ timestamp, signature }, body, secret));
});

test('any other byte, time, secret or signature is not', () => {
  const flips = fc.tuple(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(flips, ([at, bits]) => {
      const changed = Buffer.from(body);
      changed[at]! ^= bits;
      return !isSignedBySlack({ timestamp, signature }, changed, secret);
    }),
  );
  assert.ok(!isSignedBySlack({ timestamp: '1531420619', signature }, body, secret));
  assert.ok(!isSignedBySlack({ timestamp, signature }, body, `${secret} `));
  assert.ok(!isSignedBySlack({ timestamp, signature: `v0=${'0'.repeat(64)}` }, body, secret));
  assert.ok(!isSignedBySlack({ timestamp, signature: 'v0=' }, body, secret));
});

test('it is taken for five minutes, and as long before', () => {
  for (const seconds of [-300, 0, 300]) assert.ok(readSlackSignature(headers, later(seconds)).ok, `${seconds}`);
  for (const seconds of [-301, 301, 86_400]) assert.ok(!readSlackSignature(headers, later(seconds)).ok, `${seconds}`);
});

test('without both headers, each once and in its own shape, it is not looked at', () => {
  const odd: Record<string, string>[] = [
    {},
    { 'x-slack-signature': signature },
    { 'x-slack-request-timestamp': timestamp },
    { ...headers, 'x-slack-signature': signature.replace('v0=', 'v1=') },
    { ...headers, 'x-slack-signature': signature.toUpperCase() },
    { ...headers, 'x-slack-signature': `${signature}, ${signature}` },
    { ...headers, 'x-slack-signature': signature.slice(0, -1) },
    { ...headers, 'x-slack-request-timestamp': `${timestamp}.5` },
    { ...headers, 'x-slack-request-timestamp': `0${timestamp}` },
    { ...headers, 'x-slack-request-timestamp': '' },
  ];
  for (const one of odd) assert.equal(readSlackSignature(one, signedAt).ok, false, JSON.stringify(one));
});

test('each request has one name of its own', () => {
  const names = [
    slackRequestDigest({ timestamp, signature }),
    slackRequestDigest({ timestamp: '1531420619', signature }),
    slackRequestDigest({ timestamp, signature: signature.replace('a2', 'a3') }),
  ];
  assert.equal(new Set(names).size, 3);
  for (const name of names) assert.match(name, /^[0-9a-f]{64}$/);
});
