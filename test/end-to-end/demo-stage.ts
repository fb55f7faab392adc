import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAccount } from '../harness/postgres-installations.ts';
import { serverFolder, type TestServer } from '../harness/postgres-server.ts';

/** Who stands on it: one server, or a pair of them. */
interface Primary {
  installation: Pick<TestServer['installation'], 'binDir'>;
  remove(): Promise<void>;
}

/** One temporary folder with a plan, a daemon and what is restored; everything said goes to the terminal. */
export class DemoStage {
  readonly folder = serverFolder('lifeboat-demo-');
  readonly #primary: Primary;
  #daemon: ChildProcess | undefined;
  #scene = 0;

  constructor(primary: Primary) {
    this.#primary = primary;
  }

  tell(what: string): void {
    this.#scene++;
    console.log(`\n── ${this.#scene}. ${what}`);
  }

  /** Change plan.yml as an editor would; each pattern has to be there. */
  editPlan(changes: readonly [RegExp, string][]): void {
    const file = join(this.folder, 'plan.yml');
    let plan = readFileSync(file, 'utf8');
    for (const [pattern, replacement] of changes) {
      if (!pattern.test(plan)) throw new Error(`the plan has no ${pattern}`);
      plan = plan.replace(pattern, replacement);
    }
    writeFileSync(file, plan);
  }

  /** A command to its end, which has to be a good one. */
  async lifeboat(...args: string[]): Promise<void> {
    say(args);
    const [code] = await once(this.#spawn(args, 'inherit'), 'exit');
    if (code !== 0) throw new Error(`lifeboat ${args[0]} ended with ${code}`);
  }

  /** Its result, without showing it. */
  async ask<T>(...args: string[]): Promise<T> {
    const child = this.#spawn([...args, '--json'], 'pipe');
    const [answer] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
    return JSON.parse(answer) as T;
  }

  /** `lifeboat up`, until the stage is closed; what it says is kept for its end. */
  async up(): Promise<void> {
    say(['up', '&']);
    const daemon = this.#spawn(['up'], 'pipe');
    this.#daemon = daemon;
    process.on('exit', () => daemon.kill('SIGTERM')); // it ends what it has started
    let said = '';
    daemon.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    daemon.stdout!.resume();
    while (!/ up: /.test(said)) {
      if (daemon.exitCode !== null) throw new Error(`lifeboat up ended with ${daemon.exitCode}:\n${said}`);
      await sleep(50);
    }
    console.log(`  ${said.trim()}`);
  }

  /** A restore by the machine, and the yes of somebody else that it waits for. */
  async restoreApproved(to: string, target: string[], reason: string): Promise<void> {
    await this.approved(['restore', '--to', `./${to}`, ...target], reason);
  }

  /** A command that waits for the yes of somebody else, who gives it. The name of the execution that asked. */
  async approved(command: string[], reason: string): Promise<string> {
    const args = [...command, '--requested-by', 'Grace'];
    say([...args, '&']);
    const child = this.#spawn(args, 'pipe');
    let said = '';
    const show = (chunk: string) => {
      said += chunk;
      process.stdout.write(chunk);
    };
    child.stdout!.setEncoding('utf8').on('data', show);
    child.stderr!.setEncoding('utf8').on('data', show);
    const ended = once(child, 'close');
    let asked: RegExpExecArray | null = null;
    while (!asked) {
      if (child.exitCode !== null) throw new Error(`lifeboat ${command[0]} ended with ${child.exitCode}`);
      await sleep(50);
      asked = /lifeboat approve (\S+) --plan ([0-9a-f]+)/.exec(said);
    }
    await this.lifeboat('approve', asked[1]!, '--plan', asked[2]!, '--as', 'Ada', '--reason', reason);
    const [code] = await ended;
    if (code !== 0) throw new Error(`lifeboat ${command[0]} ended with ${code}`);
    return asked[1]!;
  }

  async close(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon && daemon.exitCode === null) {
      daemon.kill('SIGTERM');
      await once(daemon, 'exit');
    }
    await this.#primary.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(args: string[], stdio: 'inherit' | 'pipe'): ChildProcess {
    const env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      USER: 'grace',
      LIFEBOAT_BIN_DIR: this.#primary.installation.binDir,
    };
    const program = resolve(import.meta.dirname, '../../bin/lifeboat.mjs');
    return spawn(process.execPath, [program, ...args], {
      cwd: this.folder,
      env,
      stdio: ['ignore', stdio, stdio],
      ...serverAccount,
    });
  }
}

function say(args: readonly string[]): void {
  console.log(`$ lifeboat ${args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg)).join(' ')}`);
}
