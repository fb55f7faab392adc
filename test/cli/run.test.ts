import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type CommandContext, type CommandDefinition, defineCommand } from '#cli/command';
import type { CommandEntry } from '#cli/command-table';
import { run } from '#cli/run';
import { Aborted, LeaseHeld } from '#model/failure';
import { parseLsn } from '#model/lsn';

const cwd = mkdtempSync(join(tmpdir(), 'lifeboat-run-'));
after(() => rmSync(cwd, { recursive: true }));
for (const name of ['plan.yml', 'other.yml', 'env.yml']) {
  const plan = `bucket: ./${name}.d\nencryption: none\nsources: { a: { connection: { host: h, user: u } } }\n`;
  writeFileSync(join(cwd, name), plan);
}

const send = defineCommand({
  name: 'send',
  summary: 'send something somewhere',
  help: 'It sends.',
  examples: ['lifeboat send a'],
  arguments: { what: { summary: 'thing' }, where: { summary: 'place', optional: true } },
  options: {
    to: { flags: '--to <lsn>', summary: 'a position', parse: parseLsn },
    tag: { flags: '--tag <text>', summary: 'tags', repeatable: true },
    noWait: { flags: '--no-wait', summary: 'not waiting' },
    dry: { flags: '--dry', summary: 'only looking' },
  },
  async run({ what, where, to, tag, noWait, dry }, { output }) {
    output.print(`sent ${what}`, { what, where: where ?? null, to: to ?? null, tag, noWait, dry });
  },
});

const entry = (command: CommandDefinition, load = () => command): CommandEntry => ({
  name: command.name,
  summary: command.summary,
  load: async () => ({ command: load() }),
});

const doing = (name: string, action: (context: CommandContext) => ReturnType<CommandDefinition['run']>): CommandEntry =>
  entry({ name, summary: `do ${name}`, help: '', examples: [], run: (_, context) => action(context) });

const table: CommandEntry[] = [
  entry(send),
  doing('fail', async () => {
    throw new LeaseHeld('orders is leased', { operation: 'lease', subject: 'orders', hint: 'wait' });
  }),
  doing('crash', async () => {
    throw new TypeError('x is not a function', { cause: new Error('deep reason') });
  }),
  doing('four', async () => 4),
  doing('talk', async ({ output }) => {
    output.note('a remark');
    output.warn('a danger');
    const bar = output.progress('work');
    bar.advance(1);
    bar.end();
    output.print('a result', { big: 2n ** 60n, at: new Date(0) });
  }),
  doing('wait', async ({ signal }) => {
    signal.throwIfAborted();
  }),
  doing('sleep', async () => {
    throw new DOMException('The operation was aborted', 'AbortError');
  }),
  doing('plan', async (context) => {
    const [first, second] = await Promise.all([context.plan(), context.plan()]);
    context.output.print(`${first.bucket} ${first === second}`, context.planPath);
  }),
  {
    ...entry(
      defineCommand({
        name: 'answer',
        summary: 'answer a plan',
        help: '',
        examples: [],
        options: { hash: { flags: '--plan-hash <hash>', summary: 'of the plan', required: true } },
        run: async ({ hash }, { output, planPath }) => output.print(`${hash} ${planPath}`, null),
      }),
    ),
    renames: { '--plan': '--plan-hash' },
  },
  doing('catalog rebuild', async ({ output }) => output.print('rebuilt', null)),
  doing('catalog list', async ({ output }) => output.print('listed', null)),
];

async function lifeboat(
  args: string[],
  world: { table?: CommandEntry[]; environment?: Record<string, string>; aborted?: true } = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  const controller = new AbortController();
  if (world.aborted)
    controller.abort(new Aborted('interrupted by SIGINT', { operation: 'run command', subject: 'SIGINT' }));
  const exitCode = await run(args, {
    table: world.table ?? table,
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    version: () => 'lifeboat 1.2.3',
    environment: world.environment ?? {},
    cwd,
    signal: controller.signal,
    now: () => new Date(0),
  });
  return { exitCode, out: out.join(''), err: err.join('') };
}

describe('input', () => {
  test('comes by the names in the definition, parsed', async () => {
    const { out, exitCode } = await lifeboat([
      'send',
      'a',
      'b',
      '--to',
      '0/10',
      '--tag',
      'x',
      '--tag',
      'y',
      '--no-wait',
      '--dry',
      '--json',
    ]);
    assert.deepEqual(JSON.parse(out), { what: 'a', where: 'b', to: '16', tag: ['x', 'y'], noWait: true, dry: true });
    assert.equal(exitCode, 0);
  });

  test('has an option of its own where another command line has one for all, behind the command alone', async () => {
    for (const words of [['--plan', 'abc'], ['--plan=abc'], ['--plan-hash', 'abc']]) {
      assert.equal((await lifeboat(['answer', ...words])).out, 'abc plan.yml\n');
    }
    assert.equal((await lifeboat(['--plan', 'other.yml', 'answer', '--plan', 'abc'])).out, 'abc other.yml\n');
    assert.equal((await lifeboat(['plan', '--plan', 'other.yml'])).exitCode, 0);
  });

  test('is undefined, false or empty where nothing is given', async () => {
    const { out } = await lifeboat(['--json', 'send', 'a']);
    assert.deepEqual(JSON.parse(out), { what: 'a', where: null, to: null, tag: [], noWait: false, dry: false });
  });

  const refused: [args: string[], message: string, hint: RegExp][] = [
    [
      ['send', 'a', '--to', 'x'],
      '--to: "x" is not allowed: expected two hexadecimal numbers with a slash, like 16/B374D848',
      /--help/,
    ],
    [['send'], "missing required argument 'what'", /^see `lifeboat send --help`$/],
    [
      ['catalog', 'list', 'x'],
      "too many arguments for 'list'. Expected 0 arguments but got 1.",
      /lifeboat catalog list --help/,
    ],
    [['send', 'a', 'b', 'c'], "too many arguments for 'send'. Expected 2 arguments but got 3.", /--help/],
    [['send', 'a', '--tog', 'x'], "unknown option '--tog'", /did you mean .*--to/],
    [['send', 'a', '--to'], "option '--to <lsn>' argument missing", /--help/],
    [['--jsn', 'send', 'a'], "unknown option '--jsn'", /did you mean --json/],
    [['sned', 'a', '--to', '0/0'], '"sned" is not a command', /^did you mean "send"\?$/],
    [['frobnicate'], '"frobnicate" is not a command', /^commands are: send, fail, /],
    [['catalog', 'rebuid'], '"rebuid" is not a command of catalog', /^did you mean "rebuild"\?$/],
  ];
  for (const [args, message, hint] of refused) {
    test(`is refused: ${args.join(' ')}`, async () => {
      const { exitCode, out, err } = await lifeboat(args);
      assert.equal(exitCode, 2);
      assert.equal(out, '');
      const [first, second = ''] = err.split('\n');
      assert.equal(first, `lifeboat: ${message}`);
      assert.match(second.replace(/^HINT: /, ''), hint);
    });
  }
});

describe('help', () => {
  test('lists the commands and the exit codes, and loads no command', async () => {
    const unloaded = table.map(({ name, summary }) => ({
      name,
      summary,
      load: () => Promise.reject(new Error('loaded')),
    }));
    const { exitCode, out } = await lifeboat(['--help'], { table: unloaded });
    assert.equal(exitCode, 0);
    assert.match(out, /^ {2}send +send something somewhere$/m);
    assert.match(out, /^ {4}8 {2}the encryption key/m);
  });

  test('of a command is the same by three ways', async () => {
    const { out } = await lifeboat(['send', '--help']);
    assert.match(out, /^Usage: lifeboat send \[options\] <what> \[where\]$/m);
    assert.match(out, /--to <lsn> +a position/);
    assert.match(out, /--json/);
    assert.match(out, /^It sends\.\n\nExamples:\n {2}lifeboat send a$/m);
    assert.equal((await lifeboat(['help', 'send'])).out, out);
    assert.equal((await lifeboat(['send', '-h'])).out, out);
  });

  test('goes to stderr, with exit code 2, when no command is given', async () => {
    const bare = await lifeboat([]);
    assert.deepEqual([bare.exitCode, bare.out], [2, '']);
    assert.match(bare.err, /^Usage: lifeboat <command>/);
    const group = await lifeboat(['catalog']);
    assert.equal(group.exitCode, 2);
    assert.match(group.err, /^ {2}rebuild +do catalog rebuild$/m);
    assert.match(bare.err, /^ {2}catalog +rebuild, list$/m);
  });
});

test('the version', async () => {
  assert.deepEqual(await lifeboat(['--version']), { exitCode: 0, out: 'lifeboat 1.2.3\n', err: '' });
});

test('commands of two words', async () => {
  assert.equal((await lifeboat(['catalog', 'rebuild'])).out, 'rebuilt\n');
  assert.equal((await lifeboat(['catalog', 'list'])).out, 'listed\n');
});

test('only the chosen command is loaded', async () => {
  const loaded: string[] = [];
  const watched = table.map(({ load, ...one }) => ({
    ...one,
    load: () => {
      loaded.push(one.name);
      return load();
    },
  }));
  await lifeboat(['four'], { table: watched });
  assert.deepEqual(loaded, ['four']);
});

test("a command's exit code is passed on", async () => {
  assert.equal((await lifeboat(['four'])).exitCode, 4);
});

describe('output', () => {
  test('is a result on stdout and everything else on stderr', async () => {
    const { out, err } = await lifeboat(['talk']);
    assert.equal(out, 'a result\n');
    assert.match(err, /^a remark\nWARNING: a danger\nwork: 1 B, .*\n$/);
  });

  test('with --quiet is the result and warnings', async () => {
    assert.deepEqual(await lifeboat(['talk', '--quiet']), {
      exitCode: 0,
      out: 'a result\n',
      err: 'WARNING: a danger\n',
    });
  });

  test('with --json is one line of JSON, bigints as text', async () => {
    assert.equal(
      (await lifeboat(['talk', '--json'])).out,
      '{"big":"1152921504606846976","at":"1970-01-01T00:00:00.000Z"}\n',
    );
  });
});

describe('a failure', () => {
  test('is a line and a hint, and decides the exit code', async () => {
    assert.deepEqual(await lifeboat(['fail']), {
      exitCode: 7,
      out: '',
      err: 'lifeboat: orders is leased\nHINT: wait\n',
    });
  });

  test('is one object on stdout with --json', async () => {
    const { exitCode, out, err } = await lifeboat(['fail', '--json']);
    assert.deepEqual(JSON.parse(out), {
      error: {
        name: 'LeaseHeld',
        message: 'orders is leased',
        hint: 'wait',
        verdict: 'retry',
        operation: 'lease',
        subject: 'orders',
      },
    });
    assert.deepEqual([exitCode, err], [7, '']);
  });

  test('of the command line is JSON too', async () => {
    const { out } = await lifeboat(['--json', 'nothing-like-this']);
    assert.equal(JSON.parse(out).error.name, 'UsageInvalid');
  });

  test('that nobody expected has a stack with --verbose only', async () => {
    const short = await lifeboat(['crash']);
    assert.equal(short.exitCode, 1);
    assert.match(short.err, /^lifeboat: unexpected failure: x is not a function\nHINT: .*--verbose.*\n$/);
    const long = await lifeboat(['crash', '--verbose']);
    assert.match(long.err, /TypeError: x is not a function\n +at .*[\s\S]*caused by: Error: deep reason/);
    assert.equal(JSON.parse((await lifeboat(['crash', '--json'])).out).error.name, 'TypeError');
  });

  test('by a signal is an interruption, also where the work only knows AbortError', async () => {
    for (const command of ['wait', 'sleep']) {
      assert.deepEqual(await lifeboat([command], { aborted: true }), {
        exitCode: 130,
        out: '',
        err: 'lifeboat: interrupted by SIGINT\n',
      });
    }
    assert.equal((await lifeboat(['sleep'])).exitCode, 1);
  });
});

describe('the plan', () => {
  test('is plan.yml here, else LIFEBOAT_PLAN, else --plan, the last first; read once', async () => {
    const environment = { LIFEBOAT_PLAN: 'env.yml' };
    assert.equal((await lifeboat(['plan'])).out, `${cwd}/plan.yml.d true\n`);
    assert.equal((await lifeboat(['plan'], { environment })).out, `${cwd}/env.yml.d true\n`);
    assert.equal((await lifeboat(['plan', '--plan', 'other.yml'], { environment })).out, `${cwd}/other.yml.d true\n`);
    assert.equal((await lifeboat(['--plan', join(cwd, 'other.yml'), 'plan'])).out, `${cwd}/other.yml.d true\n`);
  });

  test('that is missing is bad input', async () => {
    const { exitCode, err } = await lifeboat(['plan', '--plan', 'no.yml']);
    assert.equal(exitCode, 2);
    assert.match(err, /"no\.yml".*\nHINT: .*lifeboat init/);
  });
});
