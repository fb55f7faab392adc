import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { serverAccount as testAccount } from '../harness/postgres-installations.ts';

/** What a process that is not root is told, when it asks for the account of a user. */
function ask(user: string): { answer: string; problem: string } {
  const script = `const { serverAccount } = await import('#runtime/server-account');
    console.log(String(await serverAccount(process.argv[1], 'control.runAs')));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, '--', user], {
    ...testAccount,
    cwd: resolve(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH ?? '' },
    encoding: 'utf8',
  });
  return { answer: stdout.trim(), problem: stderr };
}

const whoWeAre = spawnSync('id', ['-un'], { ...testAccount, encoding: 'utf8' }).stdout.trim();

test('who is not root runs servers as himself, also when he is named', () => {
  const { answer, problem } = ask(whoWeAre);
  assert.equal(answer, 'undefined', problem);
});

test('who is not root runs no server as somebody else', () => {
  const { answer, problem } = ask('root');
  assert.equal(answer, '');
  assert.match(problem, /control\.runAs: "root" is not allowed: .*only root can run a server as somebody else/);
});
