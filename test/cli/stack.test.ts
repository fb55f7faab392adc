import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { readEvidence } from '#catalog/evidence';
import { readQuestion } from '#catalog/matters';
import { until } from '#harness/daemon-process';
import { ada, DeployedStack, grace, mallory } from '#harness/deployed-stack';
import type { Ended } from '#harness/run-lifeboat';
import { StoredSource } from '#harness/stored-source';
import type { Question } from '#model/approval';

const source = { connection: { host: 'localhost', user: 'backup' } };

describe('commands against a stack', { timeout: 300_000 }, () => {
  let stack: DeployedStack;
  const elsewhere = mkdtempSync(join(tmpdir(), 'lifeboat-elsewhere-'));
  before(async () => {
    stack = await DeployedStack.open(source);
    const stored = await StoredSource.create({
      sources: ['orders'],
      vault: { store: stack.store, keyRing: undefined },
    });
    await stored.backup();
    await stored.commit();
    rmSync(stored.folder, { recursive: true });
  });
  after(async () => {
    await stack.close();
    rmSync(elsewhere, { recursive: true });
  });
  beforeEach(() => {
    stack.aws.requests.length = 0;
    stack.aws.faults.length = 0;
  });

  const said = ({ exitCode, stdout, stderr }: Ended): string => `exit ${exitCode}\n${stdout}${stderr}`;

  /** One line says what is wrong, and the last one what to do. */
  function assertRefused(ended: Ended, exitCode: number, message: RegExp, hint: RegExp): void {
    assert.equal(ended.exitCode, exitCode, said(ended));
    const lines = ended.stderr
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('WARNING: '));
    assert.equal(lines.length, 2, said(ended));
    assert.match(lines[0]!, message);
    assert.match(lines[1]!, /^HINT: /);
    assert.match(lines[1]!, hint);
    assert.doesNotMatch(said(ended), / at |secret/);
  }

  async function ok(ended: Promise<Ended>): Promise<string> {
    const one = await ended;
    assert.equal(one.exitCode, 0, said(one));
    return one.stdout;
  }

  /** Grace asks for a restore, and it waits for an answer. */
  async function asked(...more: string[]): Promise<{ name: string; question: Question }> {
    const started = await ok(stack.run(['restore', '--to', stack.place('never'), '--no-wait', '--json', ...more]));
    const name = String(JSON.parse(started).execution).split(':').at(-1)!;
    let question: Question | undefined;
    await until('it asks', async () => {
      question = (await readQuestion(stack.store, { machine: 'restore', name }))?.question;
      return question !== undefined;
    });
    return { name, question: question! };
  }

  test('find it by the plan, and tell what is in its bucket and what runs in it', async () => {
    assert.match(await ok(stack.run(['backups'])), /-full {2}committed/);
    assert.match(await ok(stack.run(['window', '--source', 'orders'])), /no more WAL is stored/);
    const status = await stack.run(['status']);
    assert.equal(status.exitCode, 9, said(status));
    assert.match(status.stdout, /^stack {5}lifeboat-prod in eu-central-1$/m);
    assert.match(status.stdout, /^ {2}backups 1 committed/m);
    assert.match(status.stdout, /^WRONG {5}orders: nothing was measured yet$/m);
    assert.match(status.stdout, /^ {2}do {6}look at the log of its function: \/aws\/lambda\/lifeboat-prod-watch$/m);
    assert.doesNotMatch(status.stdout, /daemon|lifeboat up/);
  });

  test('find it by --stack and --region alone, where there is no plan', async () => {
    const words = ['executions', '--json', '--stack', 'lifeboat-prod', '--region', 'eu-central-1'];
    const { executions } = JSON.parse(await ok(stack.run(words, ada, { cwd: elsewhere })));
    assert.ok(Array.isArray(executions));
    const without = await stack.run(['executions'], ada, { cwd: elsewhere });
    assertRefused(
      without,
      2,
      /^lifeboat: plan: "plan.yml" is not allowed: expected a file that exists$/,
      /lifeboat init/,
    );
    const none = await stack.run(['backups', '--stack', 'lifeboat-prod'], grace, { cwd: elsewhere });
    assert.equal(none.exitCode, 2, said(none));
  });

  test('ask for things in the name of the identity that asks', async () => {
    const started = await ok(stack.run(['drill', '--no-wait', '--json']));
    const { execution } = JSON.parse(started);
    const { input, machine } = JSON.parse(await ok(stack.run(['executions', execution, '--json'])));
    assert.deepEqual([machine, input], ['drill', { source: 'orders', requestedBy: grace.arn }]);
    await ok(stack.run(['stop', execution.split(':').at(-1), '--reason', 'not now']));
    await stack.engine.executions.ended(execution);
    const { cause } = JSON.parse(await ok(stack.run(['executions', execution, '--json'])));
    if (cause?.startsWith('by ')) assert.equal(cause, `by ${grace.arn}: not now`);
    const named = await ok(stack.run(['drill', '--no-wait', '--json', '--requested-by', 'Edsger']));
    const other = JSON.parse(await ok(stack.run(['executions', JSON.parse(named).execution, '--json'])));
    assert.equal(other.input.requestedBy, 'Edsger');
  });

  test('let nobody answer but whom the plan names, by a proof that STS confirms', async () => {
    const { name, question } = await asked();
    assert.equal(question.requestedBy, grace.arn);
    const hash = question.planHash.slice(0, 12);
    const no = (...more: string[]) => ['reject', name, '--plan', hash, ...more];
    const refusals: [Promise<Ended>, RegExp, RegExp][] = [
      [stack.run(no(), mallory), /mallory@example.org is not among the plan's approvers: Ada, Grace$/, /--as NAME/],
      [
        stack.run(no('--as', 'Ada'), mallory),
        /Ada is \S+\/ada@example.org by the plan, and \S+\/mallory@example.org answers$/,
        /sign in/,
      ],
      [
        stack.run(no('--as', 'Ada')),
        /Ada is \S+\/ada@example.org by the plan, and \S+\/grace@example.org answers$/,
        /sign in/,
      ],
      [stack.run(no()), /the plan asks for four eyes, and \S+\/grace@example.org asked for it$/, /somebody else/],
    ];
    for (const [ended, message, hint] of refusals) assertRefused(await ended, 10, message, hint);
    stack.aws.faults.push({ operation: 'sts:GetCallerIdentity', status: 403, code: 'ExpiredToken' });
    assertRefused(
      await stack.run(no('--as', 'Ada'), ada),
      10,
      /the proof of who answers is refused: STS does not confirm it: ExpiredToken$/,
      /once more/,
    );

    const done = await ok(stack.run(no('--reason', 'it is the wrong time'), ada));
    assert.equal(done, `${name} is rejected by Ada (${ada.arn}); nothing was touched\n`);
    await stack.engine.executions.ended(question.execution);
    const told = await ok(stack.run(['executions', name]));
    assert.match(told, new RegExp(`✓ rejected by Ada \\(${ada.arn}\\): it is the wrong time`));
    const record = (await Array.fromAsync(readEvidence(stack.store))).find(
      ({ execution }) => execution === question.execution,
    );
    assert.deepEqual([record?.who, record?.approval?.by, record?.approval?.iam], [grace.arn, 'Ada', ada.arn]);
    assertRefused(await stack.run(no(), ada), 10, /does not wait for an answer: it is FAILED/, /start it again/);
  });

  test('take no answer without a proof, by whichever way it comes', async () => {
    const { name, question } = await asked();
    const payload = { execution: question.execution, decision: 'approve', plan: question.planHash, by: 'Ada' };
    const answered = await stack.engine.functions.invoke('lifeboat-prod-answer-approval', payload);
    assert.ok('error' in answered);
    assert.match(
      JSON.stringify(answered.error),
      /the plan names its approvers' IAM identities, and nothing proves that Ada answers/,
    );
    await ok(stack.run(['stop', name]));
  });

  test('leave nothing of a proof behind', async () => {
    const { question, name } = await asked();
    await ok(stack.run(['reject', name, '--plan', question.planHash.slice(0, 12), '--reason', 'seen'], ada));
    await stack.engine.executions.ended(question.execution);
    const { body } = stack.aws.received.findLast(({ url }) => url.includes('answer-approval'))!;
    const { url } = JSON.parse(String(body)).proof;
    const secrets = [new URL(url).searchParams.get('X-Amz-Signature')!, ada.secretAccessKey, ada.sessionToken!];
    const objects = [...stack.s3.bucket.objects.values()].map(({ bytes }) => String(bytes));
    for (const secret of secrets) {
      assert.ok(!stack.written().includes(secret));
      assert.ok(!objects.some((object) => object.includes(secret)));
    }
    assert.match(stack.written(), /lifeboat-prod_restore/, 'it was looked at');
    assert.ok(objects.some((object) => object.includes(ada.arn)));
  });

  test('show where else to answer, with what leads there', async () => {
    const [name, value] = ['--stack', 'lifeboat-prod'];
    const waiting = stack.start(['restore', '--to', stack.place('shown'), name, value]);
    let shown = '';
    waiting.child.stderr!.on('data', (data) => {
      shown += data;
    });
    await until('it is told', () =>
      /lifeboat approve \S+ --plan [0-9a-f]{12} --stack lifeboat-prod --reason "…"$/m.test(shown),
    );
    const status = await stack.run(['status', name, value]);
    const [, command] = /^ {2}no {6}lifeboat (reject .*) "…"$/m.exec(status.stdout) ?? [];
    assert.match(command!, /--stack lifeboat-prod --reason$/);
    assertRefused(await stack.run([...command!.split(' '), '…'], ada), 10, /a no needs a reason/, /--reason TEXT/);
    await ok(stack.run([...command!.split(' '), 'wrong hour'], ada, { cwd: stack.folder }));
    const { exitCode, stderr } = await waiting.ended;
    assert.equal(exitCode, 10, stderr);
    assert.match(stderr, /the restore of orders was rejected by Ada: wrong hour; nothing was touched/);
  });

  test('warn once of a plan that is not the one that is deployed', async () => {
    const before = await stack.run(['backups']);
    assert.equal(before.stderr, '');
    stack.writePlan(source, { fourEyes: false });
    const { stderr } = await stack.run(['status']);
    stack.writePlan(source);
    assert.deepEqual(stderr.match(/^WARNING: .*$/gm), [
      'WARNING: plan.yml is not the plan that lifeboat-prod was deployed with: what runs there goes by the deployed one, this command by plan.yml',
    ]);
  });

  test('ask nobody for the stack in its own tasks, which know their bucket', async () => {
    const env = { LIFEBOAT_BUCKET: stack.store.url, AWS_REGION: 'eu-central-1' };
    await ok(stack.run(['backups'], grace, { env }));
    assert.deepEqual(stack.aws.requests, []);
    // but who names a stack means that one
    const named = await stack.run(['backups', '--stack', 'lifeboat-gone'], grace, { env });
    assertRefused(
      named,
      2,
      /"lifeboat-gone" is not allowed: expected a CloudFormation stack in eu-central-1$/,
      /--region/,
    );
  });

  test('mind their places: a restore there needs a path of there', async () => {
    const relative = await stack.run(['restore', '--to', 'restored']);
    assertRefused(relative, 2, /^lifeboat: --to: "restored" is not allowed: expected an absolute path/, /--direct/);
    const own = await stack.run(['restore', '--to', '/restored', '--run-as', 'postgres']);
    assertRefused(
      own,
      2,
      /^lifeboat: --run-as: "postgres" is not allowed: expected nothing, since the stack restores$/,
      /--direct/,
    );
  });

  test('refuse to ask a daemon and a stack at once', async () => {
    const both = await stack.run(['status', '--state', stack.folder, '--stack', 'lifeboat-prod']);
    assertRefused(both, 2, /--state is of a daemon and --stack of AWS/, /leave one/);
    const up = await stack.run(['up', '--stack', 'lifeboat-prod']);
    assertRefused(up, 2, /up runs the plan here, and --stack is of AWS/, /leave --stack out/);
    const daemon = await stack.run(['executions', '--state', stack.folder]);
    assertRefused(daemon, 4, /^lifeboat: no daemon of this plan is running/, /--stack/);
  });

  const nowhere = {
    AWS_CONFIG_FILE: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const refusals: [string, () => Promise<Ended>, number, RegExp, RegExp][] = [
    [
      'a stack that is not there',
      () => stack.run(['executions', '--stack', 'lifeboat-prd']),
      2,
      /^lifeboat: --stack: "lifeboat-prd" is not allowed: expected a CloudFormation stack in eu-central-1$/,
      /--region/,
    ],
    [
      'credentials that are missing',
      () => stack.run(['status'], grace, { env: { ...nowhere, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' } }),
      4,
      /^lifeboat: stack lifeboat-prod in eu-central-1: there are no credentials: /,
      /aws sso login/,
    ],
    [
      'a region that nobody named',
      () =>
        stack.run(['executions', '--stack', 'lifeboat-prod'], grace, {
          cwd: elsewhere,
          env: { ...nowhere, AWS_ENDPOINT_URL_CLOUDFORMATION: '', AWS_REGION: '' },
        }),
      2,
      /^lifeboat: --region: nothing is not allowed: expected a region like eu-central-1$/,
      /AWS_REGION/,
    ],
    [
      'a token that has expired',
      () => {
        const code = 'ExpiredTokenException';
        stack.aws.faults.push({
          operation: 'states:StartExecution',
          status: 400,
          code,
          message: 'The security token included in the request is expired',
        });
        return stack.run(['backup']);
      },
      4,
      /^lifeboat: stack lifeboat-prod in eu-central-1: the credentials have expired: The security token/,
      /sign in again/,
    ],
    [
      'a right that is missing, with its name',
      () => {
        const message = `User: ${grace.arn} is not authorized to perform: states:StopExecution on resource: arn:x because no identity-based policy allows it`;
        stack.aws.faults.push({
          operation: 'states:ListStateMachines',
          status: 400,
          code: 'AccessDeniedException',
          message,
        });
        return stack.run(['stop', 'anything']);
      },
      4,
      /^lifeboat: stack lifeboat-prod in eu-central-1 refuses states:ListStateMachines on machines: User: /,
      /give these credentials states:ListStateMachines$/,
    ],
    [
      'an endpoint where nobody answers',
      () => stack.run(['status'], grace, { env: { AWS_ENDPOINT_URL_CLOUDFORMATION: 'http://127.0.0.1:9' } }),
      4,
      /did not answer cloudformation:DescribeStacks: ECONNREFUSED/,
      /AWS_ENDPOINT_URL/,
    ],
  ];
  for (const [what, ended, exitCode, message, hint] of refusals) {
    test(`tell ${what}, in one line, and what to do`, async () =>
      assertRefused(await ended(), exitCode, message, hint));
  }

  test('need the plan for what it says alone', async () => {
    writeFileSync(join(elsewhere, 'plan.yml'), 'bucket: stack\n');
    const words = ['executions', '--json', '--stack', 'lifeboat-prod'];
    const broken = await stack.run(words, grace, { cwd: elsewhere, env: { AWS_REGION: 'eu-central-1' } });
    assert.equal(broken.exitCode, 2, said(broken));
    assert.match(broken.stdout, /PlanInvalid/);
  });
});
