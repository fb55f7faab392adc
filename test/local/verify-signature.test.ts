import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { Refusal } from '#local/refusal';
import { type SignedRequest, verifySignature } from '#local/verify-signature';

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret/of+ours' };
const now = new Date('2026-11-20T05:13:45Z');

async function sign(
  more: { path?: string; query?: Record<string, string>; body?: string; at?: Date } = {},
): Promise<SignedRequest> {
  const { path = '/', query = {}, body = '{"a":1}', at = now } = more;
  const signer = new SignatureV4({ service: 'states', region: 'local', credentials, sha256: Sha256 });
  const headers = { host: '127.0.0.1:1234', 'x-amz-target': 'AWSStepFunctions.StartExecution', 'content-type': 'x' };
  const unsigned = { method: 'POST', protocol: 'http:', hostname: '127.0.0.1', path, query, headers, body };
  const signed = await signer.sign(unsigned, { signingDate: at });
  const text = new URLSearchParams(query).toString();
  const url = text === '' ? path : `${path}?${text}`;
  const lower = Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]);
  return { method: 'POST', url, headers: Object.fromEntries(lower), body: Buffer.from(body) };
}

function verdict(request: SignedRequest, known = credentials, at = now): string {
  try {
    verifySignature(request, known, at);
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.status, 403);
    return error.type;
  }
}

describe('a signature', () => {
  test('of whoever knows the secret is accepted, for any path and query', async () => {
    assert.equal(verdict(await sign()), 'accepted');
    assert.equal(verdict(await sign({ body: '' })), 'accepted');
    const path = '/2015-03-31/functions/arn%3Aaws%3Alambda/invocations';
    assert.equal(verdict(await sign({ path, query: { Qualifier: '$LATEST', a: "b c!'()*" } })), 'accepted');
  });

  test('no longer fits what was changed after it', async () => {
    const signed = await sign({ query: { a: '1' } });
    const changes: Partial<SignedRequest>[] = [
      { method: 'GET' },
      { url: '/x?a=1' },
      { url: '/?a=2' },
      { url: '/' },
      { body: Buffer.from('{"a":2}') },
      { headers: { ...signed.headers, host: 'localhost:1234' } },
      { headers: { ...signed.headers, 'x-amz-target': 'AWSStepFunctions.StopExecution' } },
      { headers: { ...signed.headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
      { headers: { ...signed.headers, 'x-amz-added': 'x' } },
    ];
    for (const change of changes) assert.equal(verdict({ ...signed, ...change }), 'InvalidSignatureException');
  });

  test('is of no use 16 minutes before or after, and with another key', async () => {
    const minutes = (count: number): Date => new Date(now.getTime() + count * 60_000);
    const signed = await sign();
    assert.equal(verdict(signed, credentials, minutes(14)), 'accepted');
    assert.equal(verdict(signed, credentials, minutes(16)), 'InvalidSignatureException');
    assert.equal(verdict(signed, credentials, minutes(-16)), 'InvalidSignatureException');
    assert.equal(verdict(signed, { ...credentials, secretAccessKey: 'x' }), 'InvalidSignatureException');
    assert.equal(verdict(signed, { ...credentials, accessKeyId: 'x' }), 'UnrecognizedClientException');
  });

  test('that is none is refused', async () => {
    const signed = await sign();
    const withHeader = (authorization: string | undefined) => ({
      ...signed,
      headers: { ...signed.headers, authorization },
    });
    assert.equal(verdict(withHeader(undefined)), 'MissingAuthenticationTokenException');
    const good = String(signed.headers.authorization);
    for (const bad of [
      '',
      'Bearer x',
      good.slice(0, -1),
      good.replace('/states/', '/s3/'),
      good.replace('2026', '2025'),
    ])
      assert.equal(verdict(withHeader(bad)), 'IncompleteSignatureException', bad);
    const date = { ...signed, headers: { ...signed.headers, 'x-amz-date': '20269999T999999Z' } };
    assert.notEqual(verdict(date), 'accepted');
  });
});
