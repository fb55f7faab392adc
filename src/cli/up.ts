import { resolve } from 'node:path';
import { defineCommand } from '#cli/command';
import { daemonLog } from '#cli/daemon-log';
import { stateOption } from '#cli/open-machines';
import { UsageInvalid } from '#cli/usage-invalid';
import { runDaemon } from '#local/daemon';
import { InputInvalid } from '#model/failure';
import { stateDirectoryOf } from '#runtime/daemon-endpoint';

export const command = defineCommand({
  name: 'up',
  summary: 'run the plan: schedules, WAL, proofs, approvals',
  help: `Runs the whole plan here until it is stopped: receives WAL, starts backups when the schedules say so, verifies each backup
and proves it by a restore into a throw-away place, measures what could be lost, and asks people where the plan wants to be
asked. The same state machines, functions and tasks run on AWS.

SIGTERM and Ctrl-C stop it well: what it was doing goes on at the next start, and so it does after kill -9. One daemon for
each state directory. On loopback it answers as Step Functions does, to the SDKs and the aws command:
  AWS_SHARED_CREDENTIALS_FILE=lifeboat.state/aws-credentials aws stepfunctions list-state-machines --region local --endpoint-url URL

Drills restore below LIFEBOAT_DRILL_DIR (default: the folder for temporary files), which needs room for the largest
cluster; LIFEBOAT_BIN_DIR and LIFEBOAT_RUN_AS say which server program and which account run what is restored.`,
  examples: ['lifeboat up', 'lifeboat up --plan /etc/lifeboat/plan.yml --state /var/lib/lifeboat --port 8470'],
  options: {
    state: stateOption,
    port: { flags: '--port <number>', summary: 'of the endpoint (default: one that is free)', parse: parsePort },
  },

  async run({ state, port }, context) {
    const { planPath, cwd, environment, signal, output } = context;
    if (context.given.stack !== undefined) {
      throw new UsageInvalid('up runs the plan here, and --stack is of AWS', 'leave --stack out');
    }
    const log = daemonLog(output, context.now);
    const stateDirectory = stateDirectoryOf(state, context);
    await runDaemon({
      plan: await context.plan(),
      planPath: resolve(cwd, planPath),
      stateDirectory,
      environment,
      port: port ?? 0,
      log,
      signal,
      onReady: ({ url }) => log.info(`up: ${url}, state in ${stateDirectory}`),
    });
    log.info('stopped; what was under way goes on at the next start');
  },
});

function parsePort(text: string, field: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InputInvalid(field, text, 'a port number, or 0 for one that is free');
}
