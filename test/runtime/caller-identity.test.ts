import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type StrictAws, startStrictAws } from '#harness/strict-aws';
import { ApprovalRefused } from '#model/approval';
import { approvalText, type CallerProof } from '#model/caller-proof';
import { AuthenticationFailed, ConnectionFailed } from '#model/failure';
import { callerArn, proveCaller } from '#runtime/prove-caller';
import { type ProvenAnswer, provenCaller } from '#runtime/proven-caller';

const ada = {
  accessKeyId: 'ASIAADAADAADAADAADAA',
  secretAccessKey: 'ada/secret+key',
  sessionToken: 'FwoGZXIvYXdzEBYaDA+ada/==',
  arn: 'arn:aws:sts::123456789012:assumed-role/dba/ada@example.org',
};
const grace = {
  accessKeyId: 'AKIAGRACEGRACEGRACEG',
  secretAccessKey: 'grace-secret-key',
  arn: 'arn:aws:iam::123456789012:user/grace',
};
const answer: ProvenAnswer = {
  execution: 'arn:aws:states:eu-central-1:123456789012:execution:lifeboat-prod_restore:orders-back',
  decision: 'approve',
  plan: '379ec2ea74d5',
};

describe('who answers', () => {
  let aws: StrictAws;
  before(async () => {
    aws = await startStrictAws([ada, grace]);
  });
  after(() => aws.close());
  beforeEach(() => {
    aws.requests.length = 0;
    aws.received.length = 0;
    aws.faults.length = 0;
  });
  const of = (identity: typeof ada | typeof grace) => ({ ...aws.environmentOf(identity), AWS_REGION: 'eu-central-1' });
  /** What the function has: another identity, and the same STS. */
  const here = () => ({ environment: of(grace), now: new Date() });
  const prove = (identity = ada, given = answer) => proveCaller(approvalText(given), of(identity));

  test('is told by STS, for a session and for a user', async () => {
    assert.equal(await callerArn(of(ada)), ada.arn);
    assert.equal(await callerArn(of(grace)), grace.arn);
  });

  test('is proven by a request that STS answers, though nobody else has the secret', async () => {
    const proof = await prove();
    assert.deepEqual(aws.requests, [], 'making a proof asks nobody');
    assert.equal(await provenCaller(proof, answer, here()), ada.arn);
    assert.deepEqual(aws.requests, [`sts:GetCallerIdentity ${ada.arn}`]);
    assert.equal(aws.received[0]!.headers['x-lifeboat-approval'], approvalText(answer));
    assert.ok(!JSON.stringify(proof).includes(ada.secretAccessKey));
  });

  test('is not known where no proof is given', async () => {
    assert.equal(await provenCaller(undefined, answer, here()), undefined);
    assert.equal(await provenCaller(null, answer, here()), undefined);
  });

  const refused = async (proof: unknown, reason: RegExp, given = answer, around = here()): Promise<void> => {
    await assert.rejects(provenCaller(proof, given, around), (failure) => {
      assert.ok(failure instanceof ApprovalRefused, String(failure));
      assert.match(
        failure.message,
        /^the answer to orders-back\S* does not count: the proof of who answers is refused: /,
      );
      assert.match(failure.message, reason);
      for (const part of [ada.accessKeyId, ada.sessionToken, 'X-Amz-Signature='])
        assert.ok(!`${failure.stack}${JSON.stringify(failure)}`.includes(part), failure.message);
      return true;
    });
  };

  test('is not proven for another execution, decision or plan, and STS is not asked', async () => {
    const proof = await prove();
    for (const other of [
      { ...answer, execution: `${answer.execution}-2` },
      { ...answer, decision: 'reject' as const },
      { ...answer, plan: '479ec2ea74d5' },
    ])
      await refused(proof, /it was made for another answer/, other);
    assert.deepEqual(aws.received, []);
  });

  test('is not proven by a proof whose words were changed to fit: STS finds that they were not signed', async () => {
    const other = { ...answer, decision: 'reject' as const };
    const changed = { ...(await prove()), approval: approvalText(other) };
    await refused(changed, /STS does not confirm it: SignatureDoesNotMatch/, other);
  });

  test('is not proven where the binding header was left out of what is signed, or the request is of another kind', async () => {
    const { url, approval } = await prove();
    const changed = (from: string, to: string): CallerProof => {
      assert.ok(url.includes(from));
      return { url: url.replace(from, to), approval };
    };
    await refused(changed('host%3Bx-lifeboat-approval', 'host'), /it does not sign host and x-lifeboat-approval/);
    await refused(changed('GetCallerIdentity', 'GetSessionToken'), /another Action/);
    await refused(changed(aws.endpoint, 'https://sts.eu-central-1.amazonaws.com'), /does not lead to http:\/\/127/);
    await refused(changed(aws.endpoint, 'http://127.0.0.1:9'), /does not lead to/);
    assert.deepEqual(aws.received, []);
  });

  test('is not proven by an old proof, nor by one from a clock that is ahead', async () => {
    const proof = await prove();
    for (const minutes of [6, -6]) {
      const around = { ...here(), now: new Date(Date.now() + minutes * 60_000) };
      await refused(proof, /it was made at \d{8}T\d{6}Z, and here it is/, answer, around);
    }
    assert.deepEqual(aws.received, []);
  });

  test('is not proven by what is no proof', async () => {
    for (const nothing of ['https://sts.amazonaws.com', 7, {}, { url: 'x' }, { url: ['x'], approval: 'y' }, []])
      await refused(nothing, /it is no map of url and approval/);
  });

  test('is not proven by credentials that STS does not know, or no longer', async () => {
    const stranger = { ...ada, accessKeyId: 'ASIASTRANGER' };
    const wrong = { ...ada, secretAccessKey: 'another' };
    await refused(await prove(stranger), /STS does not confirm it: InvalidClientTokenId/);
    await refused(await prove(wrong), /STS does not confirm it: SignatureDoesNotMatch/);
    aws.faults.push({ operation: 'sts:GetCallerIdentity', status: 403, code: 'ExpiredToken' });
    await refused(await prove(), /STS does not confirm it: ExpiredToken/);
    aws.faults.push({ operation: 'sts:GetCallerIdentity', status: 302, code: 'Elsewhere' });
    await refused(await prove(), /STS does not confirm it: Elsewhere/);
  });

  test('is a question for later when STS does not answer', async () => {
    for (const fault of [
      { status: 503, code: 'ServiceUnavailable' },
      { status: 0, code: '', reset: 'before' as const },
    ]) {
      aws.faults.push({ operation: 'sts:GetCallerIdentity', ...fault });
      await assert.rejects(provenCaller(await prove(), answer, here()), (failure) => {
        assert.ok(failure instanceof ConnectionFailed);
        assert.match(failure.message, /^STS did not answer who answers: /);
        assert.ok(!failure.message.includes(ada.accessKeyId));
        return true;
      });
    }
  });

  test('cannot be told without credentials, and what is missing is said', async () => {
    const nothing = {
      AWS_ENDPOINT_URL_STS: aws.endpoint,
      AWS_REGION: 'eu-central-1',
    };
    const saved = { ...process.env };
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
      AWS_CONFIG_FILE: '/nowhere',
    });
    try {
      for (const ask of [callerArn(nothing), proveCaller('x', nothing)]) {
        await assert.rejects(ask, (failure) => {
          assert.ok(failure instanceof AuthenticationFailed, String(failure));
          assert.match(failure.message, /^STS: there are no credentials: /);
          assert.match(failure.hint!, /aws sso login/);
          return true;
        });
      }
    } finally {
      process.env = saved;
    }
  });
});
