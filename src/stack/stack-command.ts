import { parseArgs } from 'node:util';
import { InputInvalid } from '#model/failure';
import { type Plan, parsePlan } from '#model/plan';
import { requireDeployable } from '#stack/deployable-plan';

export interface StackFiles {
  exists(path: string): boolean;
  read(path: string): string;
}

/** `serverless package` or `serverless deploy`, with the plan that the functions are bundled with. */
export interface StackCommand {
  planPath: string;
  /** where the functions' zips go, and the framework finds them */
  bundles: string;
  /** of the framework: the given ones and those that the plan decides */
  args: string[];
  /** what ends with this deployment, if an earlier one began it: parameters are given anew each time */
  warnings: string[];
}

const example = 'plan.aws.example.yml';

/**
 * What `npm run package` and `npm run deploy` do with their arguments, which are the framework's own. Stage and region come
 * from the plan; given ones have to be the plan's. In the recovery region a stack stands by unless `--param standby=no` is
 * said. Only packaging makes do with the example, where there is no plan.yml.
 * @throws InputInvalid, PlanInvalid
 */
export function stackCommand(command: 'package' | 'deploy', args: readonly string[], files: StackFiles): StackCommand {
  const { stage, region, params, folder } = readArguments(args);
  if (command === 'deploy' && folder !== undefined) {
    const hint = 'leave it out: what is deployed is packaged anew, so that it is of these sources and this plan';
    throw new InputInvalid('--package', folder, 'nothing', hint);
  }
  const planPath = params.get('plan') ?? planThere(command, files);
  if (!files.exists(planPath)) throw new InputInvalid('plan', planPath, 'a file that exists');
  const { aws } = requireDeployable(parsePlan(files.read(planPath), planPath));
  const given = { stage: stage ?? aws.stack.slice('lifeboat-'.length), region: region ?? aws.region };
  checkTarget(given, aws, planPath);
  const standsBy = given.region === aws.recoveryRegion && !params.has('standby');
  const decided = [
    ...(stage === undefined ? ['--stage', given.stage] : []),
    ...(region === undefined ? ['--region', given.region] : []),
    ...(params.has('plan') ? [] : ['--param', `plan=${planPath}`]),
    ...(standsBy ? ['--param', 'standby=yes'] : []),
  ];
  return {
    planPath,
    bundles: params.get('bundles') ?? 'dist',
    args: [command, ...args, ...decided],
    warnings: command === 'deploy' ? whatIsNotCopied(given.region, aws, params) : [],
  };
}

/** One of the two parameters without which the copy in the other region (src/store/replication.yml) stands still. */
function whatIsNotCopied(region: string, { recoveryRegion }: Plan['aws'] & {}, params: ReadonlyMap<string, string>) {
  if (recoveryRegion === undefined) return [];
  const needed = region === recoveryRegion ? 'primaryReplicationRoleArn' : 'replicaBucketArn';
  if (params.has(needed)) return [];
  return [
    `from now on nothing is copied to ${recoveryRegion}, where the plan recovers: there is no --param ${needed}=…`,
  ];
}

function readArguments(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      stage: { type: 'string', short: 's' },
      region: { type: 'string', short: 'r' },
      param: { type: 'string', multiple: true },
      package: { type: 'string', short: 'p' },
    },
    strict: false,
  });
  const {
    stage,
    region,
    param = [],
    package: folder,
  } = values as Record<'stage' | 'region' | 'package', string | undefined> & { param?: string[] };
  return { stage, region, folder, params: new Map(param.map((text) => text.split(/=(.*)/s) as [string, string])) };
}

function planThere(command: 'package' | 'deploy', files: StackFiles): string {
  if (files.exists('plan.yml')) return 'plan.yml';
  if (command === 'package') return example;
  const hint = `write one (${example} shows how), or name another with --param plan=FILE`;
  throw new InputInvalid('plan', 'plan.yml', 'a file that exists: what is deployed protects what a plan says', hint);
}

function checkTarget(
  { stage, region }: { stage: string; region: string },
  aws: Plan['aws'] & {},
  planPath: string,
): void {
  if (aws.stack !== `lifeboat-${stage}`) {
    const hint = `${planPath} has aws.stack ${aws.stack}: deploy it there, or give another stage a plan of its own`;
    throw new InputInvalid('--stage', stage, `the stage of the plan's stack`, hint);
  }
  const regions = [aws.region, ...(aws.recoveryRegion ? [aws.recoveryRegion] : [])];
  if (regions.includes(region)) return;
  const hint = `${planPath} has aws.region ${aws.region}${aws.recoveryRegion ? ` and aws.recoveryRegion ${aws.recoveryRegion}` : ''}`;
  throw new InputInvalid('--region', region, "one of the plan's regions", hint);
}
