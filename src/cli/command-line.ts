import { Command, CommanderError } from 'commander';
import type { CommandDefinition } from '#cli/command';
import { declareInput, readInput } from '#cli/command-input';
import type { CommandEntry } from '#cli/command-table';
import { describeExitCodes } from '#cli/exit-code';
import type { Sink } from '#cli/output';
import { UsageInvalid } from '#cli/usage-invalid';
import { nearest } from '#model/nearest';

/** The options that every command has. */
export interface GlobalOptions {
  plan?: string;
  stack?: string;
  region?: string;
  json?: true;
  quiet?: true;
  verbose?: true;
}

/** What the arguments ask for: a command and its input, or nothing more, since help or the version has been printed. */
export type CommandLine =
  | { kind: 'command'; definition: CommandDefinition; input: Record<string, unknown>; global: GlobalOptions }
  | { kind: 'answered'; exitCode: 0 | 2 };

export interface CommandLineWorld {
  table: readonly CommandEntry[];
  /** where help and the version go; help that nobody asked for goes to stderr */
  stdout: Sink;
  stderr: Sink;
  version: () => string;
}

/**
 * Read the arguments after `lifeboat`. Only the chosen command's module is loaded.
 * @throws UsageInvalid; InputInvalid for a value that an option's parser refuses
 */
export async function readCommandLine(argv: readonly string[], world: CommandLineWorld): Promise<CommandLine> {
  const program = rootCommand(world);
  let chosen: { definition: CommandDefinition; command: Command } | undefined;
  for (const entry of world.table) {
    const { command, parent } = addCommand(program, entry);
    // the command's own arguments are read after this hook, so its module is loaded only now
    parent.hook('preSubcommand', async (_, subcommand) => {
      if (subcommand !== command) return;
      const { command: definition } = await entry.load();
      declareInput(command, definition);
      command.action(() => {
        chosen = { definition, command };
      });
    });
  }
  for (const command of program.commands) command.description(describeGroup(command));
  try {
    const asked = argv[0] === 'help' ? [...argv.slice(1), '--help'] : renamed(argv, world.table);
    await program.parseAsync(asked, { from: 'user' });
  } catch (error) {
    return answeredOrInvalid(error, commandIn(argv, world.table));
  }
  const { definition, command } = chosen!; // commander ends in an action, or in an error
  return { kind: 'command', definition, input: readInput(definition, command), global: program.opts() };
}

function rootCommand({ stdout, stderr, version }: CommandLineWorld): Command {
  return new Command('lifeboat')
    .description('Backup and recovery for PostgreSQL that proves each backup by restoring it.')
    .usage('<command> [options]')
    .option('--plan <file>', 'the plan (default: $LIFEBOAT_PLAN, else plan.yml)')
    .option('--stack <name>', "the CloudFormation stack to ask (default: the plan's aws.stack, else the daemon here)")
    .option('--region <region>', "where the stack is (default: the plan's aws.region, else $AWS_REGION)")
    .option('--json', 'print results and failures as JSON, one object a line')
    .option('--quiet', 'no progress and no remarks')
    .option('--verbose', "print a failure's stack and causes")
    .option('--version', 'print the version')
    .on('option:version', () => {
      stdout.write(`${version()}\n`);
      throw new CommanderError(0, 'commander.version', '');
    })
    .helpOption('-h, --help', 'print help, of a command too')
    .helpCommand(false)
    .addHelpText('after', `\n${describeExitCodes()}`)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => undefined, // it is thrown too
    })
    .exitOverride()
    .on('command:*', refuseUnknownCommand);
}

/** Options behind a command's name that mean something of its own there. */
function renamed(argv: readonly string[], table: readonly CommandEntry[]): string[] {
  const names = new Set(table.map((entry) => entry.name));
  const at = argv.findIndex((word) => names.has(word));
  const renames: Readonly<Record<string, string>> = table.find((entry) => entry.name === argv[at])?.renames ?? {};
  return argv.map((word, index) => {
    const [name, ...value] = word.split('=');
    const other = index > at ? renames[name!] : undefined;
    return other === undefined ? word : [other, ...value].join('=');
  });
}

/** `catalog rebuild` is a command below `catalog`, which is made when it is first needed. */
function addCommand(program: Command, { name, summary, group }: CommandEntry): { command: Command; parent: Command } {
  const [first, second] = name.split(' ');
  if (second === undefined) return { command: program.command(name).description(summary), parent: program };
  const parent =
    program.commands.find((candidate) => candidate.name() === first) ??
    program
      .command(first!)
      .description(group ?? '')
      .helpCommand(false)
      .on('command:*', refuseUnknownCommand);
  return { command: parent.command(second).description(summary), parent };
}

/** `check the record (verify, export)`, where there are commands below it. */
function describeGroup(command: Command): string {
  const [only, ...others] = command.commands;
  const summary = command.description();
  if (!only) return summary;
  if (summary === '' && others.length === 0) return `${only.name()}: ${only.description()}`;
  const names = command.commands.map((one) => one.name()).join(', ');
  return summary === '' ? names : `${summary} (${names})`;
}

/** The command that the words name, as it is typed. */
function commandIn(argv: readonly string[], table: readonly CommandEntry[]): string | undefined {
  const firstWords = new Set(table.map(({ name }) => name.split(' ')[0]));
  const at = argv.findIndex((word) => firstWords.has(word));
  const both = `${argv[at]} ${argv[at + 1]}`;
  return table.some(({ name }) => name === both) ? both : argv[at];
}

function refuseUnknownCommand(this: Command, operands: string[]): never {
  const known = this.commands.map((command) => command.name());
  const meant = nearest(operands[0]!, known);
  const hint = meant === undefined ? `commands are: ${known.join(', ')}` : `did you mean "${meant}"?`;
  throw new UsageInvalid(`"${operands[0]}" is not a command${this.parent ? ` of ${this.name()}` : ''}`, hint);
}

function answeredOrInvalid(error: unknown, command: string | undefined): CommandLine {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) return { kind: 'answered', exitCode: 0 };
  if (error.code === 'commander.help') return { kind: 'answered', exitCode: 2 };
  const [message, suggestion] = error.message.replace(/^error: /, '').split('\n');
  throw new UsageInvalid(
    message!,
    suggestion?.replace(/^\(Did you mean (.*)\?\)$/, 'did you mean $1?') ??
      `see \`lifeboat ${command === undefined ? '' : `${command} `}--help\``,
  );
}
