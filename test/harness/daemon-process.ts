import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readEndpoint } from '#runtime/daemon-endpoint';
import { daemonMachines } from '#runtime/daemon-machines';
import type { Machines } from '#runtime/machines';
import { endTasks, killIfThere, livingTasks } from './daemon-files.ts';
import { serverAccount } from './postgres-installations.ts';
import { serverFolder } from './postgres-server.ts';
import { type Ended, lifeboatProgram, type RunOptions, runLifeboat } from './run-lifeboat.ts';

/** `lifeboat up` in a folder with a plan, as the server's account where we are root: killed, stopped and started again. */
export class DaemonProcess {
  readonly folder: string;
  /** where the next run keeps its state */
  state: string;
  /** what all runs said */
  log = '';
  readonly #environment: Record<string, string>;
  readonly #states = new Set<string>();
  #process: ChildProcess | undefined;
  #machines: Machines | undefined;

  /** `environment`: of the daemon and of every command, beside what both need */
  constructor(folder: string, environment: Record<string, string>) {
    this.folder = folder;
    this.state = join(folder, 'lifeboat.state');
    this.#environment = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      USER: 'grace',
      NODE_COMPILE_CACHE: compileCache(),
      ...environment,
    };
    daemons.add(this);
  }

  /** Until everything runs. */
  async start(...args: string[]): Promise<void> {
    const from = this.log.length;
    this.launch(...args);
    await this.waitUntil(/ up: http/, from);
    this.#machines = daemonMachines((await readEndpoint(this.state))!);
  }

  /** The process, which may be killed before it is up. */
  launch(...args: string[]): void {
    this.#states.add(this.state);
    const child = spawn(process.execPath, [lifeboatProgram, 'up', '--state', this.state, ...args], {
      cwd: this.folder,
      env: this.#environment,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...serverAccount,
    });
    this.#process = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
  }

  /** Waits for a line of the log, said after `from`; fails when the daemon ends before. */
  async waitUntil(line: RegExp, from = 0, timeoutMs = 30_000): Promise<void> {
    const child = this.#process!;
    await until(
      `the log says ${line}`,
      () => {
        if (line.test(this.log.slice(from))) return true;
        if (this.isRunning) return false;
        throw new Error(`lifeboat up ended with ${child.signalCode ?? child.exitCode}:\n${this.log}`);
      },
      timeoutMs,
    ).catch((failure: Error) => {
      throw new Error(`${failure.message}\n${this.log}`);
    });
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  get isRunning(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** As when somebody pulls the plug of this process alone: what it started lives on. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Its exit code. */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#machines?.close();
    this.#machines = undefined;
    const child = this.#process!;
    if (!this.isRunning) return child.exitCode;
    const ended = once(child, 'close');
    child.kill(signal);
    const [code] = await ended;
    return code;
  }

  get machines(): Machines {
    return this.#machines!;
  }

  /** A command as the account that the daemon runs as. */
  run(args: readonly string[], { env, ...options }: RunOptions = {}): Promise<Ended> {
    return runLifeboat(args, {
      cwd: this.folder,
      env: { ...this.#environment, LIFEBOAT_STATE: this.state, ...env },
      ...(serverAccount ? { account: serverAccount } : {}),
      ...options,
    });
  }

  /** Of the daemon, and of what it left running under supervisors, by the numbers in its state directory. */
  async end(): Promise<void> {
    if (this.#process) await this.stop();
    for (const state of this.#states) await endTasks(state);
    daemons.delete(this);
  }

  /** When the test process ends without having cleaned up. */
  killNow(): void {
    this.#process?.kill('SIGKILL');
    for (const pid of [...this.#states].flatMap(livingTasks)) killIfThere(pid, 'SIGKILL');
  }
}

const daemons = new Set<DaemonProcess>();
process.on('exit', () => {
  for (const daemon of daemons) daemon.killNow();
});

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
  pauseMs = 20,
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(pauseMs);
  }
}

/** One for all daemons of a test process, so that what is run twice starts faster. */
let cache: string | undefined;
function compileCache(): string {
  if (cache === undefined) {
    const folder = serverFolder('lifeboat-daemon-cache-');
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    cache = folder;
  }
  return cache;
}
