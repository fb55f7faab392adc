import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MachineRun } from '#harness/machine-run';
import { StoredSource } from '#harness/stored-source';
import { objectCreatedEvent } from '#model/object-created';
import { httpServer } from '../runtime/http-server.ts';
import { finds, restores, shows, takes } from '../statemachines/scripted-tasks.ts';
import { DeployedFunctions } from './deployed-functions.ts';

const plan = `
bucket: stack
encryption: { kmsKey: stack }
aws: { stack: lifeboat-prod, region: eu-central-1 }
sources:
  main:
    connection: { host: 127.0.0.1, port: 1, user: lifeboat, password: "secret:lifeboat/main#password" }
    schedules: { full: cron(0 2 * * ? *) }
approvers: [{ name: grace }, { name: ada }]
notifications:
  - { kind: slack, webhook: "secret:lifeboat/slack", on: [failure] }
  - { kind: sns, topicArn: "arn:aws:sns:eu-central-1:111122223333:on-call", on: [failure] }
`;

let deployed: DeployedFunctions;
let source: StoredSource;
before(async () => {
  deployed = await DeployedFunctions.create(plan);
  source = await StoredSource.create({ vault: deployed.vault });
});
after(async () => {
  await deployed.close();
  source.remove();
});

test('machines', async () => {
  const run = new MachineRun({
    source,
    functions: deployed.functions,
    tasks: {
      'base-backup': (task) => takes(task, source),
      'verify-part': (task) => finds()(task, source),
      drill: (task) => shows()(task, source),
      restore: (task) => restores(task, source),
    },
    answer: () => ({ decision: 'approve', by: 'grace' }),
  });
  deployed.answers['states:SendTaskSuccess'] = ({ output }) => (run.sendTaskSuccess(JSON.parse(output!)), {});
  for (const [machine, input] of Object.entries({
    backup: {},
    verify: {},
    drill: {},
    restore: { to: '/srv/restored', requestedBy: 'ada' },
  })) {
    const end = await run.run(machine, input);
    console.log(machine, JSON.stringify(end).slice(0, 600), run.failures);
  }
  for (const name of deployed.names)
    console.log(name, await deployed.deniedOf(name), deployed.policies.get(name)!.unused(''));
  run.remove();
});
