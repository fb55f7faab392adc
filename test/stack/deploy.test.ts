import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { checkout } from './packaged-template.ts';
import { type StrictDeployment, startStrictDeployment } from './strict-deployment.ts';

let aws: StrictDeployment;
let folder: string;
before(async () => {
  aws = await startStrictDeployment();
  folder = await mkdtemp(join(tmpdir(), 'lifeboat-deploy-'));
});
after(async () => {
  await aws.close();
  await rm(folder, { recursive: true, force: true });
});

/** What `npm run deploy` and `npm run package` run. */
async function stackProgram(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(checkout, 'bin/stack.ts'), command, ...args], {
    cwd: '/',
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      SLS_NOTIFICATIONS_MODE: 'off',
      SLS_AWS_MONITORING_FREQUENCY: '100',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[exitCode], out, errors] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { exitCode, output: `${out}${errors}` };
}

const plan = ['--param', 'plan=plan.aws.example.yml'];
const toFolder = () => ['--param', `bundles=${join(folder, 'bundles')}`];

describe('a deployment with nothing but an endpoint and credentials', () => {
  test('runs to its end, and every client asks the endpoint', async () => {
    const { exitCode, output } = await stackProgram('deploy', [...plan, ...toFolder()], aws.environment);
    assert.equal(exitCode, 0, output);
    assert.deepEqual([...aws.services].sort(), ['cloudformation', 'lambda', 's3', 'sts']);
    assert.deepEqual(
      ['CreateStack', 'ValidateTemplate', 'UpdateStack'].filter((one) => !aws.cloudFormation.operations.includes(one)),
      [],
    );
  });

  test('brings each function’s zip as it was bundled', () => {
    const { code } = aws.cloudFormation.stack!;
    assert.ok(Object.keys(code).length > 20);
    for (const [name, sha256] of Object.entries(code)) {
      const bytes = readFileSync(join(folder, 'bundles', `${name.slice('lifeboat-prod-'.length)}.zip`));
      assert.equal(sha256, createHash('sha256').update(bytes).digest('hex'), name);
    }
  });

  test('goes to the stage, the region and the parameters that the plan and the arguments say', () => {
    const { parameters } = aws.cloudFormation.stack!;
    assert.deepEqual([parameters.Standby, parameters.ImageTag], ['no', '1']);
  });

  test('again changes the stack', async () => {
    const args = [...plan, ...toFolder(), '--param', 'imageTag=2'];
    const { exitCode, output } = await stackProgram('deploy', args, aws.environment);
    assert.equal(exitCode, 0, output);
    assert.equal(aws.cloudFormation.stack!.parameters.ImageTag, '2');
    assert.equal(aws.cloudFormation.operations.filter((one) => one === 'CreateStack').length, 1);
  });

  test('that CloudFormation refuses ends with its words', async () => {
    const args = [...plan, ...toFolder(), '--param', 'standby=perhaps'];
    const { exitCode, output } = await stackProgram('deploy', args, aws.environment);
    assert.equal(exitCode, 1);
    assert.match(output, /'Standby' must be one of AllowedValues/);
  });
});
