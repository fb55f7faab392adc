import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { executionArn } from '#model/arn';
import { failureObjectSchema, resultObjectSchema } from '#model/task-result';
import { leaseKey, taskFailurePrefix, taskResultKey } from '#store/bucket-layout';

const program = fileURLToPath(new URL('../../tasks/run-task.ts', import.meta.url));

export interface TaskRun {
  /** text is passed on as it is */
  input?: unknown;
  /** the execution's name */
  execution?: string;
  step?: string;
  /** overrides what the machine sets; undefined: not there at all */
  env?: Record<string, string | undefined>;
}

export interface TaskEnd {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** the lines of the log */
  log: Record<string, unknown>[];
  stderr: string;
  /** what is in the bucket under the result's key */
  result: Record<string, unknown> | undefined;
  /** of all attempts so far, oldest first */
  failures: { name: string; message: string; hint: string | null; verdict: string | null }[];
}

/** Tasks of executions of machine `test`, as real processes with one plan and one directory as bucket. */
export class TaskRunner {
  readonly planPath: string;
  readonly bucket: string;
  readonly env: Record<string, string | undefined>;

  constructor(place: { planPath: string; bucket: string; env?: Record<string, string | undefined> }) {
    this.planPath = place.planPath;
    this.bucket = place.bucket;
    this.env = place.env ?? {};
  }

  run(name: string, run: TaskRun = {}): Promise<TaskEnd> {
    return this.start(name, run).ended;
  }

  start(
    name: string,
    run: TaskRun = {},
  ): { child: ChildProcess; ended: Promise<TaskEnd>; said(what: RegExp): Promise<void> } {
    const { input, execution = 'one', step = name, env } = run;
    const key = taskResultKey('test', execution, step);
    const child = spawn(process.execPath, [program, name], {
      cwd: tmpdir(),
      env: {
        PATH: process.env.PATH ?? '',
        HOME: tmpdir(),
        LIFEBOAT_PLAN: this.planPath,
        LIFEBOAT_EXECUTION: executionArn('test', execution),
        LIFEBOAT_RESULT: key,
        ...(input === undefined ? {} : { LIFEBOAT_INPUT: typeof input === 'string' ? input : JSON.stringify(input) }),
        ...this.env,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    const ended = Promise.all([once(child, 'close'), text(child.stderr)]).then(
      ([[exitCode, signal], stderr]): TaskEnd => {
        const log = output
          .trimEnd()
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line));
        return { exitCode, signal, log, stderr, result: this.result(key), failures: this.failures(key) };
      },
    );
    const said = async (what: RegExp) => {
      while (!what.test(output)) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`it ended without ${what}: ${output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    return { child, ended, said };
  }

  /** The content of a result object, checked. */
  result(key: string): Record<string, unknown> | undefined {
    const found = this.#read(key);
    return found === undefined ? undefined : (resultObjectSchema.parse(found).result as Record<string, unknown>);
  }

  failures(key: string): TaskEnd['failures'] {
    const prefix = taskFailurePrefix(key);
    const folder = prefix.slice(0, prefix.lastIndexOf('/'));
    const names = this.#names(folder).filter((name) => `${folder}/${name}`.startsWith(prefix));
    return names.sort().map((name) => failureObjectSchema.parse(this.#read(`${folder}/${name}`)).failure);
  }

  #names(folder: string): string[] {
    try {
      return readdirSync(join(this.bucket, folder));
    } catch {
      return []; // nothing was put
    }
  }

  #read(key: string): unknown {
    try {
      return JSON.parse(readFileSync(join(this.bucket, key), 'utf8'));
    } catch {
      return undefined;
    }
  }
}

/** As if whoever holds it had been gone for long. */
export function expireLease(bucket: string, source: string, work: string): void {
  const path = join(bucket, `${leaseKey(source, work)}%`); // as the directory store calls it
  const state = JSON.parse(readFileSync(path, 'utf8'));
  const long = new Date(Date.now() - 3600_000);
  writeFileSync(path, JSON.stringify({ ...state, expiresAt: long.toISOString() }));
  utimesSync(path, long, long);
}

/** It failed as its class says, wrote one failure object about it, and left no result. */
export function assertFailed(ended: TaskEnd, exitCode: number, name: string, message: RegExp): void {
  const said = JSON.stringify(ended, null, 1);
  assert.equal(ended.exitCode, exitCode, said);
  assert.equal(ended.result, undefined, said);
  const failure = ended.failures.at(-1);
  assert.equal(failure?.name, name, said);
  assert.match(failure!.message, message, said);
  const last = ended.log.at(-1)!;
  assert.equal(last.level, 'ERROR', said);
  assert.equal(last.failure, name, said);
  assert.equal(ended.stderr, '', said);
}

export function assertWorked({ exitCode, ...rest }: TaskEnd): Record<string, unknown> {
  assert.equal(exitCode, 0, JSON.stringify(rest, null, 1));
  assert.equal(rest.stderr, '');
  return rest.result!;
}
