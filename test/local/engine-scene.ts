import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, openEngine } from '#local/engine';
import type { Json } from '#local/integration';
import { loadMachines } from '#local/machine-definitions';
import { openStateDirectory } from '#local/state-directory';
import { TaskProcesses } from '#local/task-processes';
import { clusterArn, functionArn, machineArn, taskDefinitionArn, topicArn } from '#model/arn';
import type { SceneInput } from './scene-task.ts';

type States = Record<string, { [name: string]: Json }>;

export const sceneTaskArguments = (input: string): Json => ({
  TaskDefinition: '<CopyTaskArn>',
  Cluster: '<ClusterArn>',
  LaunchType: 'FARGATE',
  Overrides: {
    ContainerOverrides: [{ Name: 'task', Environment: [{ Name: 'LIFEBOAT_INPUT', Value: `{% $string(${input}) %}` }] }],
  },
});

const task = (resource: string, given: Json, rest: { [name: string]: Json } = {}): { [name: string]: Json } => ({
  Type: 'Task',
  Resource: `arn:aws:states:::${resource}`,
  Arguments: given,
  TimeoutSeconds: 300,
  ...rest,
});

/** `<Name>` stands for `${Name}`. */
const machines: Record<string, { StartAt: string; States: States; TimeoutSeconds?: number }> = {
  /** one task: input is a SceneInput */
  copy: {
    StartAt: 'Copy',
    States: { Copy: task('ecs:runTask.sync', sceneTaskArguments('$states.input'), { End: true }) },
  },
  /** a task for each of the input's items, after a function, and another one at the end */
  many: {
    StartAt: 'Prepare',
    States: {
      Prepare: task(
        'lambda:invoke',
        { FunctionName: '<PrepareFunctionArn>', Payload: '{% $states.input %}' },
        { Output: '{% $states.result.Payload %}', Next: 'Each' },
      ),
      Each: {
        Type: 'Map',
        Items: '{% $states.input.items %}',
        ItemProcessor: {
          StartAt: 'Copy',
          States: { Copy: task('ecs:runTask.sync', sceneTaskArguments('$states.input'), { Output: 1, End: true }) },
        },
        Output: '{% {"copied": $count($states.result)} %}',
        Next: 'Tell',
      },
      Tell: task(
        'sns:publish',
        { TopicArn: '<TopicArn>', Message: '{% $states.input %}' },
        { Output: '{% $states.input %}', End: true },
      ),
    },
  },
  /** a child for each of the input's items, which waits for so many seconds */
  apart: {
    StartAt: 'Each',
    States: {
      Each: {
        Type: 'Map',
        Label: 'Each',
        Items: '{% $states.input.items %}',
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Wait',
          States: { Wait: { Type: 'Wait', Seconds: '{% $states.input %}', End: true } },
        },
        End: true,
      },
    },
  },
  /** waits for a token that the function `ask` is told */
  question: {
    StartAt: 'Ask',
    States: {
      Ask: task(
        'lambda:invoke.waitForTaskToken',
        {
          FunctionName: '<AskFunctionArn>',
          Payload: { token: '{% $states.context.Task.Token %}', input: '{% $states.input %}' },
        },
        { TimeoutSeconds: '{% $states.input.timeoutSeconds %}', End: true },
      ),
    },
  },
  /** hands its token to a function that keeps it and fails */
  refused: {
    StartAt: 'Ask',
    States: {
      Ask: task(
        'lambda:invoke.waitForTaskToken',
        { FunctionName: '<AskFunctionArn>', Payload: { token: '{% $states.context.Task.Token %}', fail: true } },
        { End: true },
      ),
    },
  },
  parent: {
    StartAt: 'Child',
    States: {
      Child: task(
        'states:startExecution.sync:2',
        { StateMachineArn: '<CopyStateMachineArn>', Input: '{% $states.input %}' },
        { TimeoutSeconds: 60, End: true },
      ),
    },
  },
  nothing: { StartAt: 'Pass', States: { Pass: { Type: 'Pass', End: true } } },
};

const substitutions = {
  CopyTaskArn: taskDefinitionArn('copy'),
  ClusterArn: clusterArn,
  PrepareFunctionArn: functionArn('prepare'),
  AskFunctionArn: functionArn('ask'),
  CopyStateMachineArn: machineArn('copy'),
  TopicArn: topicArn,
};

/** A folder with a state directory, the machines above, and files in which what happens is noted. */
export class EngineScene {
  readonly folder: string;
  readonly notes: string;
  #inputs = 0;
  readonly #engines: Engine[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.notes = join(folder, 'notes');
  }

  static async make(): Promise<EngineScene> {
    const scene = new EngineScene(await mkdtemp(join(tmpdir(), 'lifeboat-engine-')));
    for (const [name, definition] of Object.entries(machines)) {
      const text = JSON.stringify({ QueryLanguage: 'JSONata', ...definition }).replaceAll(/<(\w+)>/g, '$${$1}');
      await writeFile(join(scene.folder, `${name}.asl.json`), text);
    }
    return scene;
  }

  static at(folder: string): EngineScene {
    return new EngineScene(folder);
  }

  /** Also what tests left when they failed. */
  async remove(): Promise<void> {
    for (const engine of this.#engines) await engine.close().catch(() => undefined);
    const processes = new TaskProcesses({ folder: join(this.folder, 'state/tasks'), environment: {} });
    const left = await processes.unended().catch(() => []);
    await Promise.all(left.map((spec) => processes.run(spec, { stop: AbortSignal.abort() })));
    await rm(this.folder, { recursive: true });
  }

  async engine(options: { stopTimeoutMs?: number } = {}): Promise<Engine> {
    const complain = (message: string): void => appendFileSync(join(this.folder, 'log'), `${message}\n`);
    const engine = await openEngine({
      state: await openStateDirectory(join(this.folder, 'state')),
      machines: await loadMachines(this.folder, substitutions),
      functions: this.functions(),
      tasks: ['copy'],
      taskProgram: join(import.meta.dirname, 'scene-task.ts'),
      cwd: this.folder,
      environment: process.env,
      publish: async (message, dedupeId) => this.note(`published ${dedupeId} ${message}`),
      port: 0,
      pid: process.pid,
      log: { info: complain, warn: complain, error: complain },
      ...options,
    });
    this.#engines.push(engine);
    return engine;
  }

  functions() {
    return {
      prepare: async () => ({
        handler: async (event: { items: Json[] }) => {
          this.note('prepared');
          return event;
        },
      }),
      ask: async () => ({
        handler: async (event: { token: string; fail?: boolean }) => {
          await writeFile(join(this.folder, 'token'), event.token);
          if (event.fail) throw new Error('nobody could be asked');
        },
      }),
      fail: async () => ({
        handler: async () => {
          throw new RangeError('too much');
        },
      }),
      echo: async () => ({
        handler: async (event: unknown, context: { functionName: string }) => ({ event, ...context }),
      }),
    };
  }

  note(line: string): void {
    appendFileSync(this.notes, `${line}\n`);
  }

  noted(begin = ''): string[] {
    const text = existsSync(this.notes) ? readFileSync(this.notes, 'utf8') : '';
    return text.split('\n').filter((line) => line !== '' && line.startsWith(begin));
  }

  /** An input with files of its own: what it waits for, and where it notes. */
  waiting(more: Partial<SceneInput> = {}): SceneInput & { waitFor: string } {
    const number = ++this.#inputs;
    return { notes: join(this.folder, `notes-${number}`), waitFor: join(this.folder, `go-${number}`), ...more };
  }

  get log(): string {
    const path = join(this.folder, 'log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async token(): Promise<string> {
    const path = join(this.folder, 'token');
    await until(() => existsSync(path) && readFileSync(path, 'utf8') !== '');
    const token = readFileSync(path, 'utf8');
    await rm(path);
    return token;
  }
}

export const notedIn = ({ notes }: SceneInput, begin = ''): string[] =>
  existsSync(notes)
    ? readFileSync(notes, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && line.startsWith(begin))
    : [];

export const go = ({ waitFor }: { waitFor: string }): void => writeFileSync(waitFor, '');

export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(10);
}
