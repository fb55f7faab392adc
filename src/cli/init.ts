import { type CommandContext, type CommandDefinition, defineCommand } from '#cli/command';
import { checkGroups } from '#cli/group-readiness';
import { defaultAnswers, type PlanAnswers } from '#cli/plan-template';
import { checkSources, describeFindings, describeReadiness, isReady } from '#cli/source-readiness';
import { UsageInvalid } from '#cli/usage-invalid';
import { writePlan } from '#cli/write-plan';
import { chooseDumped, dumpedSources } from '#model/choose-dumped';
import { InputInvalid } from '#model/failure';
import { readKeyFile } from '#runtime/key-file';
import { openSigningKey } from '#runtime/signing-key';

export const command: CommandDefinition = defineCommand({
  name: 'init',
  summary: 'write a plan and see whether the server is ready',
  help: `Writes a commented plan, a key file and the bucket's directory, never over a file that is there (a key file that
exists is used). Then connects and tells what a backup would find: each line that is not "ok" comes with the command
that changes it. The plan stays when something failed, with exit code 4; mend it, then ask again with --check.

With --stack the plan is one to deploy on AWS: bucket and key are those of the stack, and nothing but the plan is written.

--check writes nothing: it reads the plan and its key file and looks at the servers of its sources; of databases that RDS
runs, at those that can be dumped. And at the sites of its failover groups, with the account that it has here: whether each server
answers, can be fenced and promoted, and whether what follows the primary could be put.`,
  examples: [
    'lifeboat init --host db.example.org --user lifeboat',
    'lifeboat init --source orders --host /var/run/postgresql --user postgres --bucket /mnt/backups',
    'lifeboat init --bucket s3://backups/production --key-file /etc/lifeboat/key',
    'lifeboat init --stack lifeboat-prod --region eu-central-1 --host orders.internal.example.org',
    'lifeboat init --check',
  ],
  options: {
    check: {
      flags: '--check',
      summary: 'only look at the servers of the plan that is there, and of its failover groups',
    },
    source: {
      flags: '--source <name>',
      summary: `name of the source (default: ${defaultAnswers.source}; with --check: all)`,
    },
    host: { flags: '--host <host>', summary: `server, or the folder of its socket (default: ${defaultAnswers.host})` },
    port: { flags: '--port <number>', summary: `its port (default: ${defaultAnswers.port})`, parse: parsePort },
    user: { flags: '--user <role>', summary: `role to connect as (default: ${defaultAnswers.user})` },
    database: { flags: '--database <name>', summary: `database to connect to (default: ${defaultAnswers.database})` },
    bucket: {
      flags: '--bucket <place>',
      summary: `directory or s3://bucket/prefix (default: ${defaultAnswers.bucket})`,
    },
    keyFile: { flags: '--key-file <path>', summary: 'key to encrypt with (default: lifeboat.key beside the plan)' },
    noEncryption: { flags: '--no-encryption', summary: 'store backups in clear' },
  },

  async run({ check, source, noEncryption, ...given }, context) {
    if (check && (noEncryption || Object.values(given).some((value) => value !== undefined))) {
      throw new UsageInvalid('--check takes everything but --source from the plan', 'leave the other options out');
    }
    if (noEncryption && given.keyFile !== undefined) {
      throw new UsageInvalid('--no-encryption and --key-file exclude each other', 'leave one of them out');
    }
    const aws = check ? undefined : deploymentOf(context);
    if (aws && (noEncryption || given.bucket !== undefined || given.keyFile !== undefined)) {
      throw new UsageInvalid(
        '--stack has a bucket and a key of its own',
        'leave --bucket, --key-file, --no-encryption out',
      );
    }
    const written = check ? undefined : await writePlan({ source, ...given, aws }, noEncryption, context);
    const plan = await context.writtenPlan();
    if (check && typeof plan.encryption === 'object' && 'keyFile' in plan.encryption)
      await readKeyFile(plan.encryption.keyFile);
    if (check && plan.evidence && 'signingKey' in plan.evidence.signer)
      await openSigningKey(plan.evidence.signer.signingKey);
    const chosen = source === undefined ? dumpedSources(plan) : [chooseDumped(plan, source, '--source')];
    const follow = plan.failover.filter((group) => source === undefined || group.source === source);
    const checking = Promise.all([
      checkSources(chosen, context.environment, plan.aws === undefined),
      checkGroups(follow, context.environment),
    ]);
    const [sources, groups] = await Promise.race([checking, interrupted(context.signal)]);
    const ready = isReady([...sources, ...groups]);
    context.output.print(
      [
        ...(written?.lines ?? []),
        describeReadiness(sources),
        ...groups.map(({ group, findings }) => describeFindings('group', group, findings)),
        ...nextStep(ready, context),
      ].join('\n'),
      {
        plan: context.planPath,
        keyId: written?.keyId ?? null,
        bucket: plan.bucket,
        sources,
        groups,
      },
    );
    return ready ? 0 : 4;
  },
});

/** What to type next, where a plan is not deployed. */
const nextStep = (ready: boolean, { planPath }: CommandContext): string[] =>
  ready ? [] : [`next: mend what failed, in ${planPath} or on the server, then: lifeboat init --check`];

/** What --stack and --region say of a plan to deploy. @throws InputInvalid without a region */
function deploymentOf({ given, environment }: CommandContext): PlanAnswers['aws'] {
  if (given.stack === undefined) return undefined;
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  if (region) return { stack: given.stack, region };
  throw new InputInvalid('--region', undefined, 'a region like eu-central-1', 'add --region REGION');
}

/** A server that does not answer may take ten seconds to be given up; nobody has to wait for that. */
function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

function parsePort(text: string, field: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InputInvalid(field, text, 'a whole number from 1 to 65535');
  return port;
}
