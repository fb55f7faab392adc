import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '#cli/command-line';
import { commandTable } from '#cli/command-table';
import { afterMachine, beginMachine } from '#runbook/begin-machine';
import { allStates, machineNames, readMachine } from '#runbook/machine';
import { type Condition, conditions, type Situation } from '#runbook/situation';
import { asksIn, situationSections, textsOf } from '#runbook/situation-page';
import { situations } from '#runbook/situations';
import { fillIn, meanings, statesIn } from '#runbook/words';

const folder = fileURLToPath(new URL('../../statemachines', import.meta.url));
const machines = new Map(machineNames(folder).map((name) => [name, readMachine(folder, name)]));

/** Something of each kind, as the parsers of options want it. */
const words = {
  ...Object.fromEntries(Object.keys(meanings).map((word) => [word, word.toLowerCase()])),
  INSTANT: '2026-11-20 05:13:45+00',
  DUMP: '20261120T051345123Z-dump',
  HASH: '0123456789ab',
};

/** As the program itself reads it. @throws what it would refuse it with */
async function parse(argv: readonly string[]): Promise<void> {
  const nowhere = { write: () => true };
  const world = { table: commandTable, stdout: nowhere, stderr: nowhere, version: () => '' };
  const line = await readCommandLine(
    argv.map((word) => fillIn(word, words)),
    world,
  );
  const isHelp = argv.includes('--help');
  assert.ok(line.kind === 'command' || isHelp, `lifeboat ${argv.join(' ')} is no command`);
}

async function assertParsed(argv: readonly string[]): Promise<void> {
  await assert.doesNotReject(parse(argv), `lifeboat ${argv.join(' ')}`);
}

const commandsOf = ({ steps }: Situation) => steps.flatMap(({ run = [] }) => run);

test('the parser that commands are checked with refuses what does not exist', async () => {
  await assert.rejects(parse(['restore', '--to', '/x', '--no-such-option']), /no-such-option/);
  await assert.rejects(parse(['restroe']), /"restroe" is not a command/);
  await assert.rejects(parse(['dump-restore', '$DUMP']), /--database/);
  await assert.rejects(parse(['approve', '$EXECUTION', '--plan', 'short']), /12 to 64/);
});

for (const situation of situations) {
  describe(situation.name, () => {
    test('every command of lifeboat is one, with every option', async () => {
      const own = commandsOf(situation).filter(([program]) => program === 'lifeboat');
      assert.ok(own.length > 0);
      for (const [, ...argv] of own) await assertParsed(argv);
    });

    test('every command in its sentences is one', async () => {
      const named = textsOf(situation).flatMap((text) =>
        [...text.matchAll(/`lifeboat ([^`]+)`/g)].map(([, rest]) => rest!),
      );
      for (const line of named) {
        const [name, ...rest] = line.split(' ');
        const entry = commandTable.find((one) => one.name === name || one.name === `${name} ${rest[0]}`);
        assert.ok(entry, `lifeboat ${line}`);
        const { command } = await entry.load();
        const options = Object.values(command.options ?? {}).map(({ flags }) => flags.split(' ')[0]);
        for (const word of rest) if (word.startsWith('--')) assert.ok(options.includes(word as `--${string}`), line);
        if (name === 'runbook')
          assert.ok(
            situations.some((one) => one.name === rest[0]),
            line,
          );
      }
    });

    test('every state that it speaks of is one of that machine', () => {
      for (const { machine, state } of textsOf(situation).flatMap(statesIn)) {
        const states = machines.has(machine) ? allStates(machines.get(machine)!).map(([name]) => name) : [];
        assert.ok(states.includes(state), `{${machine}/${state}}`);
      }
    });

    test('every word that is to be filled in has a meaning', () => {
      const texts = [...textsOf(situation), ...commandsOf(situation).flat()];
      for (const [, word] of texts.flatMap((text) => [...text.matchAll(/\$([A-Z_]+)/g)]))
        assert.ok(word! in meanings, word);
    });

    test('wherever it happens, all of it is told, and what waits for a yes ends before it goes on', () => {
      for (const place of places()) {
        const { first, steps, last } = situationSections(situation, new Set(place));
        const told = [...first, ...steps, ...last].map(({ key }) => key);
        assert.deepEqual(told, ['know', 'never', 'decide', 'steps', 'check', 'back', 'over'], place.join(', '));
        const { items } = steps[0]!;
        assert.deepEqual(
          items.map(({ number }) => number),
          items.map((_, index) => index + 1),
        );
        if (asksIn(steps).length === 0) continue;
        const asked = items.findIndex(({ waits }) => waits);
        const yes = items.findIndex(({ commands }) => commands?.some(({ argv }) => argv[1] === 'approve'));
        const end = items.findIndex(({ ends }) => ends);
        assert.ok(asked >= 0 && asked < yes && yes <= end, `${place.join(', ')}: ${asked}, ${yes}, ${end}`);
      }
    });
  });
}

test('how machines are begun and looked at are commands, of machines that there are', async () => {
  for (const begin of [beginMachine, afterMachine]) {
    for (const [machine, lines] of Object.entries(begin)) {
      assert.ok(machines.has(machine), machine);
      for (const argv of lines) await assertParsed(argv);
    }
  }
});

function places(): Condition[][] {
  const either: Condition[][] = [
    ['postgres', 'rds'],
    ['instance', 'cluster'],
    ['daemon', 'stack'],
    ['approvers', 'noApprovers'],
    ['recoveryRegion', 'noRecoveryRegion'],
    ['group', 'noGroup'],
    ['keyFile', 'kms'],
  ];
  assert.deepEqual(new Set([...either.flat(), 'dumps']), new Set(conditions));
  return either.reduce<Condition[][]>(
    (known, choice) => known.flatMap((some) => choice.map((one) => [...some, one])),
    [[], ['dumps']],
  );
}
