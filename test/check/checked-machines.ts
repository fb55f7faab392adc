import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import validate from 'asl-validator';
import { type House, machineProblems } from './machine-rules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const namesIn = (pattern: string, ending: string) =>
  globSync(pattern, { cwd: root })
    .map((path) => basename(path, ending))
    .sort();

/** What this checkout has. */
export const house: House = {
  functions: namesIn('functions/*.ts', '.ts').filter((name) => name !== 'edge'),
  tasks: namesIn('tasks/*-task.ts', '-task.ts').filter((name) => name !== 'run'),
  machines: namesIn('statemachines/*.asl.json', '.asl.json'),
};

export const machineText = (name: string): string => readFileSync(join(root, `statemachines/${name}.asl.json`), 'utf8');

/** What our own rules and asl-validator say of a machine. */
export async function problemsOf(text: string): Promise<string[]> {
  const { isValid, errorsText } = validate(JSON.parse(substituted(text)));
  return [...(isValid ? [] : [errorsText('\n')]), ...(await machineProblems(text, house))];
}

const substituted = (text: string): string => text.replace(/\$\{(\w+)\}/g, (_, name: string) => dummyArn(name));

function dummyArn(name: string): string {
  if (name.endsWith('FunctionArn')) return 'arn:aws:lambda:eu-central-1:000000000000:function:x';
  return name.endsWith('Arn') ? 'arn:aws:states:eu-central-1:000000000000:stateMachine:x' : 'x-1';
}
