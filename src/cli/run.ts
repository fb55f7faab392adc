import type { CommandContext } from '#cli/command';
import { type CommandLineWorld, type GlobalOptions, readCommandLine } from '#cli/command-line';
import { failureCode } from '#cli/exit-code';
import { createOutput } from '#cli/output';
import { PlanSource } from '#cli/plan-source';
import { reportFailure } from '#cli/report-failure';
import type { ExitCode } from '#model/exit-code';
import type { Environment } from '#runtime/environment';

export interface World extends CommandLineWorld {
  environment: Environment;
  cwd: string;
  signal: AbortSignal;
  now: () => Date;
}

/** Run what the arguments ask for. Every failure is reported and becomes an exit code: this does not reject. */
export async function run(argv: readonly string[], world: World): Promise<ExitCode> {
  // until the arguments are understood, these can only be guessed
  let global: GlobalOptions = {
    ...(argv.includes('--json') ? { json: true } : {}),
    ...(argv.includes('--verbose') ? { verbose: true } : {}),
  };
  try {
    const line = await readCommandLine(argv, world);
    if (line.kind === 'answered') return line.exitCode;
    global = line.global;
    return (await line.definition.run(line.input, createContext(global, world))) ?? 0;
  } catch (thrown) {
    const error = interruption(thrown, world.signal) ?? thrown;
    reportFailure(error, { ...world, json: global.json ?? false, verbose: global.verbose ?? false });
    return failureCode(error, argv);
  }
}

function createContext(global: GlobalOptions, world: World): CommandContext {
  const { cwd, signal, now } = world;
  const planPath = global.plan ?? (world.environment.LIFEBOAT_PLAN || 'plan.yml');
  const output = createOutput({ ...world, json: global.json ?? false, quiet: global.quiet ?? false });
  const source = new PlanSource({ global, planPath, cwd, environment: world.environment, output });
  const { stack, region } = global;
  return {
    ...{ cwd, signal, now, planPath, output },
    given: { stack, region },
    environment: source.environment,
    plan: () => source.plan(),
    writtenPlan: () => source.written(),
    stack: () => source.stack(),
  };
}

/** What a signal interrupts rejects with the signal's reason, or with an AbortError of whatever was waited for. */
function interruption(thrown: unknown, signal: AbortSignal): unknown {
  return signal.aborted && (thrown as Error | undefined)?.name === 'AbortError' ? signal.reason : undefined;
}
