import { appendFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Engine, openEngine } from '#local/engine';
import type { Functions } from '#local/function-host';
import { localFunctions } from '#local/local-functions';
import { localSubstitutions } from '#local/local-substitutions';
import { loadMachines } from '#local/machine-definitions';
import { openStateDirectory } from '#local/state-directory';
import { functionArn, machineArn } from '#model/arn';
import { machineNames } from '#runbook/machine';
import { taskNames } from '#tasks/task-table';
import type { ForwardedEndpoint } from './strict-aws.ts';

export interface DeployedEngine {
  engine: Engine;
  endpoint: ForwardedEndpoint;
  /** of the stack that this stands for, beside those of its bucket and its key */
  outputs: { MachineArnPrefix: string; FunctionNamePrefix: string };
}

export interface DeployedEngineOptions {
  /** for its state and its log */
  folder: string;
  stack: string;
  /** of every task */
  environment: Record<string, string>;
  /** `<name>.asl.json` each; those of this checkout unless given */
  machines?: string;
  functions?: Functions;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Step Functions and Lambda of this checkout as a stack has them: its machines are `<stack>_<machine>`, its functions
 * `<stack>-<function>`. Functions run in this process, with the world that it provides.
 */
export async function openDeployedEngine(options: DeployedEngineOptions): Promise<DeployedEngine> {
  const { folder, stack, environment, functions = localFunctions } = options;
  const machines = await deployedMachines(
    options.machines ?? join(root, 'statemachines'),
    stack,
    Object.keys(functions),
  );
  const complain = (message: string): void => appendFileSync(join(folder, 'engine.log'), `${message}\n`);
  const state = await openStateDirectory(join(folder, 'engine'));
  const engine = await openEngine({
    state,
    machines,
    functions: Object.fromEntries(Object.entries(functions).map(([name, load]) => [`${stack}-${name}`, load])),
    tasks: taskNames,
    taskProgram: join(root, 'tasks/run-task.ts'),
    cwd: folder,
    environment,
    publish: async () => undefined,
    port: 0,
    pid: process.pid,
    log: { info: complain, warn: complain, error: complain },
  });
  return {
    engine,
    endpoint: JSON.parse(await readFile(state.endpoint, 'utf8')),
    outputs: { MachineArnPrefix: machineArn(`${stack}_`), FunctionNamePrefix: `${stack}-` },
  };
}

async function deployedMachines(folder: string, stack: string, functions: readonly string[]) {
  const names = {
    functions,
    machines: machineNames(join(root, 'statemachines')),
    tasks: taskNames,
  };
  const substitutions = Object.entries(localSubstitutions(names)).map(([name, value]) => [
    name,
    deployedAs(stack, value),
  ]);
  const loaded = await loadMachines(folder, Object.fromEntries(substitutions));
  return new Map([...loaded].map(([name, machine]) => [`${stack}_${name}`, { ...machine, name: `${stack}_${name}` }]));
}

const deployedAs = (stack: string, arn: string): string =>
  arn.replace(machineArn(''), machineArn(`${stack}_`)).replace(functionArn(''), functionArn(`${stack}-`));
