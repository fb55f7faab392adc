import { type Command, Option } from 'commander';
import type { ArgumentDefinition, CommandDefinition, OptionDefinition } from '#cli/command';

/** Tell commander what a command takes. */
export function declareInput(command: Command, definition: CommandDefinition): void {
  for (const [name, { summary, optional, repeatable }] of Object.entries(definition.arguments ?? {})) {
    const shown = repeatable ? `${name}...` : name;
    command.argument(optional ? `[${shown}]` : `<${shown}>`, summary);
  }
  for (const declared of Object.values(definition.options ?? {})) command.addOption(commanderOption(declared));
  const examples = definition.examples.map((line) => `  ${line}`);
  command.addHelpText('after', ['', definition.help, '', 'Examples:', ...examples].join('\n'));
}

/** What it was given, by the names in the definition. @throws InputInvalid from the definition's parsers */
export function readInput(definition: CommandDefinition, command: Command): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const [index, [name, argument]] of Object.entries(definition.arguments ?? {}).entries()) {
    input[name] = argument.repeatable
      ? command.args.slice(index).map((text) => readArgument(text, name, argument))
      : readArgument(command.args[index], name, argument);
  }
  const given: Record<string, unknown> = command.opts();
  for (const [name, option] of Object.entries(definition.options ?? {})) input[name] = readOption(given, option);
  return input;
}

function commanderOption({ flags, summary, required, repeatable }: OptionDefinition): Option {
  const option = new Option(flags, summary).makeOptionMandatory(required ?? false);
  return repeatable ? option.argParser((text: string, before: string[] = []) => [...before, text]) : option;
}

const readArgument = (text: string | undefined, name: string, { parse }: ArgumentDefinition): unknown =>
  text === undefined || !parse ? text : parse(text, name);

function readOption(given: Record<string, unknown>, { flags, repeatable, parse }: OptionDefinition): unknown {
  const option = new Option(flags);
  const value = given[option.attributeName()];
  if (option.negate) return value === false; // commander calls `--no-encryption` an `encryption` that is false
  if (!option.required) return value === true;
  const field = option.long!;
  const read = (text: string) => (parse ? parse(text, field) : text);
  if (repeatable) return ((value as string[] | undefined) ?? []).map(read);
  return value === undefined ? undefined : read(value as string);
}
