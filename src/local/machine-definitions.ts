import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputInvalid } from '#model/failure';
import { loadDefinition } from './definition.ts';
import type { Json } from './integration.ts';

export interface LoadedMachine {
  name: string;
  /** with its substitutions made, and checked */
  definition: Json;
  loadedAt: Date;
}

/** Machines by name, sorted: `<name>.asl.json` in this folder. @throws InputInvalid; DefinitionInvalid */
export async function loadMachines(
  folder: string,
  substitutions: Readonly<Record<string, string>>,
): Promise<Map<string, LoadedMachine>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.asl.json')).sort();
  const loadedAt = new Date();
  const machines = new Map<string, LoadedMachine>();
  for (const file of files) {
    const name = file.slice(0, -'.asl.json'.length);
    const path = join(folder, file);
    const definition = parse(path, substitute(path, await readFile(path, 'utf8'), substitutions));
    loadDefinition(definition, name);
    machines.set(name, { name, definition, loadedAt });
  }
  return machines;
}

/**
 * `${Name}` becomes its value, inside of JSON's strings, as CloudFormation's DefinitionSubstitutions do it.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
 * @throws InputInvalid for a name without a value
 */
function substitute(path: string, text: string, substitutions: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => {
    if (!Object.hasOwn(substitutions, name)) {
      const known = Object.keys(substitutions)
        .map((key) => `\${${key}}`)
        .join(', ');
      throw new InputInvalid(path, whole, `one of ${known}`);
    }
    return JSON.stringify(substitutions[name]).slice(1, -1);
  });
}

function parse(path: string, text: string): Json {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputInvalid(path, (error as Error).message, 'JSON');
  }
}
