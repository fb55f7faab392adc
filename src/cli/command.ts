import type { Output } from '#cli/output';
import type { ExitCode } from '#model/exit-code';
import type { Plan } from '#model/plan';
import type { Environment } from '#runtime/environment';
import type { Stack } from '#runtime/stack';

/**
 * One command of `lifeboat`: what it is called, what it takes, what it does. A module src/cli/<name>.ts exports one:
 *
 *     export const command: CommandDefinition = defineCommand({ name: 'backup', …, run: async (input, context) => … });
 */
export interface CommandDefinition {
  /** one word, or two where commands belong together: `catalog rebuild` */
  name: string;
  /** one line, as in command-table.ts */
  summary: string;
  /** what it does, what it changes and what it never does; printed below the options */
  help: string;
  /** command lines that work as they stand */
  examples: readonly string[];
  /** positional arguments, in order */
  arguments?: Readonly<Record<string, ArgumentDefinition>>;
  options?: Readonly<Record<string, OptionDefinition>>;
  run(input: Record<string, unknown>, context: CommandContext): CommandEnd;
}

/** An exit code, or nothing for 0. A failure that is thrown decides the exit code by its class. */
export type CommandEnd = Promise<ExitCode | undefined> | Promise<void>;

export interface ArgumentDefinition {
  summary: string;
  optional?: true;
  /** the last one: the value is a list */
  repeatable?: true;
  /** from src/model, like parseLsn: @throws InputInvalid that names `field` */
  parse?: (text: string, field: string) => unknown;
}

export interface OptionDefinition {
  /** `--source <name>` takes a value; `--check` and `--no-encryption` do not: they are true when they are there */
  flags: `--${string}`;
  summary: string;
  required?: true;
  /** may be given several times: the value is a list, empty without it */
  repeatable?: true;
  parse?: (text: string, field: string) => unknown;
}

/** What a command may know of the world. */
export interface CommandContext {
  /** once the plan or the stack was read, with what the stack adds: LIFEBOAT_BUCKET, LIFEBOAT_KMS_KEY, AWS_REGION */
  environment: Environment;
  /** relative paths on the command line are relative to it */
  cwd: string;
  output: Output;
  /** aborted by SIGINT and SIGTERM; its reason is an Aborted, which a command may throw on */
  signal: AbortSignal;
  /** --plan FILE, else LIFEBOAT_PLAN, else plan.yml; as given */
  planPath: string;
  /** --stack and --region, as given */
  given: { stack: string | undefined; region: string | undefined };
  /** The plan, its paths absolute, with the bucket and the key of its stack; read once. @throws InputInvalid, PlanInvalid */
  plan(): Promise<Plan>;
  /** The same, but where it says `stack` nobody was asked. */
  writtenPlan(): Promise<Plan>;
  /** Whose machines are meant: --stack, else `aws` of the plan; undefined: those of a daemon. @throws InputInvalid */
  stack(): Promise<Stack | undefined>;
  now(): Date;
}

type Parsed<Definition> = Definition extends { parse: (text: string, field: string) => infer Value } ? Value : string;

type ArgumentValue<Definition> = Definition extends { repeatable: true }
  ? Parsed<Definition>[]
  : Definition extends { optional: true }
    ? Parsed<Definition> | undefined
    : Parsed<Definition>;

type OptionValue<Definition> = Definition extends { flags: `${string}<${string}` }
  ? Definition extends { repeatable: true }
    ? Parsed<Definition>[]
    : Definition extends { required: true }
      ? Parsed<Definition>
      : Parsed<Definition> | undefined
  : boolean;

/** A definition whose `input` has the types that its arguments and options give it. */
export function defineCommand<
  const Arguments extends Readonly<Record<string, ArgumentDefinition>> = Record<never, never>,
  const Options extends Readonly<Record<string, OptionDefinition>> = Record<never, never>,
>(
  definition: Omit<CommandDefinition, 'arguments' | 'options' | 'run'> & {
    arguments?: Arguments;
    options?: Options;
    run(
      input: { [Name in keyof Arguments]: ArgumentValue<Arguments[Name]> } & {
        [Name in keyof Options]: OptionValue<Options[Name]>;
      },
      context: CommandContext,
    ): CommandEnd;
  },
): CommandDefinition {
  return definition as unknown as CommandDefinition;
}
