import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Page } from '#runbook/page';
import type { TestDaemon } from './daemon.ts';
import { until } from './daemon-process.ts';
import { serverAccount } from './postgres-installations.ts';

interface Question {
  execution: string;
  planHash: string;
}

/** Somebody at three in the morning: does what the page says, word by word, and nothing else. */
export class RunbookReader {
  readonly #daemon: TestDaemon;
  /** what was typed, as the page has it */
  readonly typed: string[][] = [];
  /** what it said */
  said = '';

  constructor(daemon: TestDaemon) {
    this.#daemon = daemon;
  }

  async read(...args: string[]): Promise<Page> {
    return this.#daemon.ask<Page & Record<string, unknown>>('runbook', ...args);
  }

  /** Follows the steps; of two ways, those named. `words` replace what stands in capitals. */
  async follow(page: Page, ways: readonly string[], words: Readonly<Record<string, string>>): Promise<void> {
    const { items } = page.sections.find(({ key }) => key === 'steps')!;
    const waiting: Promise<void>[] = [];
    const known = new Map(Object.entries(words));
    for (const item of items) {
      if (item.only !== undefined && !ways.includes(item.only)) continue;
      for (const [index, { argv }] of (item.commands ?? []).entries()) {
        if (argv.includes('HASH')) await this.#untilAsked(known);
        const typed = argv.map((word) => known.get(word) ?? word);
        const left = typed.filter((word) => page.fillIn.some((one) => one.word === word));
        assert.deepEqual(left, [], `step ${item.number}: nobody knows what to type`);
        this.typed.push(typed);
        const run = this.#type(typed, page.environment);
        if (item.waits && index === item.commands!.length - 1) waiting.push(run);
        else await run;
      }
      if (item.ends) await Promise.all(waiting.splice(0));
    }
    assert.deepEqual(waiting, [], 'the page says nowhere that what waits has to end');
  }

  /** `lifeboat status` shows what the answer has to name. */
  async #untilAsked(known: Map<string, string>): Promise<void> {
    await until('it asks', async () => {
      const { questions } = await this.#daemon.anyStatus<{ questions: Question[] }>();
      const question = questions.at(-1);
      if (!question) return false;
      known.set('EXECUTION', question.execution.split(':').at(-1)!).set('HASH', question.planHash.slice(0, 12));
      return true;
    });
  }

  async #type([program, ...args]: string[], environment: Readonly<Record<string, string>>): Promise<void> {
    const { exitCode, output } =
      program === 'lifeboat'
        ? await this.#lifeboat(args, environment)
        : await spawned(program!, args, this.#daemon.folder);
    this.said += `$ ${program} ${args.join(' ')}\n${output}`;
    // something is wrong: that is why we are here
    const isFine = exitCode === 0 || (args[0] === 'status' && exitCode === 9);
    assert.ok(isFine, `${program} ${args.join(' ')}: ${exitCode}\n${output}\n${this.#daemon.log}`);
  }

  async #lifeboat(args: readonly string[], env: Readonly<Record<string, string>>) {
    const { exitCode, stdout, stderr } = await this.#daemon.run(args, { env });
    return { exitCode, output: `${stdout}${stderr}` };
  }
}

async function spawned(program: string, args: readonly string[], cwd: string) {
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...serverAccount,
  });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exitCode: exitCode as number | null, output: `${stdout}${stderr}` };
}
