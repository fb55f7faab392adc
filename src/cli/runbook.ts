import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CommandContext, defineCommand } from '#cli/command';
import { commandTable } from '#cli/command-table';
import { formatTable } from '#cli/format-table';
import { toJson } from '#cli/output';
import { askBucket } from '#cli/runbook-bucket';
import { conditionsOf, type Given, groupOf, type Known, programPlaces, runbookWords } from '#cli/runbook-words';
import { UsageInvalid } from '#cli/usage-invalid';
import { chooseAny } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import { nearest } from '#model/nearest';
import type { Plan } from '#model/plan';
import { plannedSchedules } from '#model/planned-schedules';
import { parseInstant } from '#model/recovery-target';
import { shellWord } from '#notify/shell-word';
import { finishSections } from '#runbook/finish';
import { groupLines } from '#runbook/group-lines';
import { allStates, type Machine, machineNames, readMachine } from '#runbook/machine';
import { machineSections } from '#runbook/machine-page';
import { type Page, type Section, sectionOf } from '#runbook/page';
import { peopleSections } from '#runbook/people';
import { printMarkdown } from '#runbook/print-markdown';
import { printText } from '#runbook/print-text';
import { asksIn, situationSections } from '#runbook/situation-page';
import { situations } from '#runbook/situations';
import { stateDirectoryOf } from '#runtime/daemon-endpoint';

export const command = defineCommand({
  name: 'runbook',
  summary: 'print what to do, step by step, when something is wrong',
  help: `A page for whoever is awake: how you know it, what not to do, what to decide, the steps with the commands as they have to be
typed here, how to check, who may say yes and who has to be told, how to stop, and when it is over. There is one for each
situation that happens to people, and one for each machine: what it does in which order, how long, what is asked again, and
what can go wrong. Without a name they are listed.

It is made of the plan, of the machines' definitions and of the commands that there are, and says what the bucket says now: a
bucket that does not answer is waited for three seconds, and the page comes without. Nothing is changed, nobody is asked.

Where it is known already, say which instant, database, table or directory is meant, and it stands in the commands. Words in
capitals are still to be replaced. Print the pages before you need them: --format markdown is for a wiki.`,
  examples: [
    'lifeboat runbook',
    'lifeboat runbook database-gone',
    "lifeboat runbook bad-change --time '2026-11-20 05:13:45+00' --database shop --table public.orders",
    'lifeboat runbook restore --format markdown --to restore.md',
  ],
  arguments: { name: { summary: 'a situation or a machine', optional: true } },
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (several: SOURCE stands for it)' },
    time: { flags: '--time <instant>', summary: 'the last instant at which all was well, with its zone' },
    database: { flags: '--database <name>', summary: 'the database that is meant' },
    table: { flags: '--table <schema.table>', summary: 'the table that is meant' },
    place: { flags: '--place <directory>', summary: 'where to restore to (default: /srv/SOURCE-restored)' },
    format: { flags: '--format <format>', summary: 'text, markdown or json (default: text)', parse: parseFormat },
    to: { flags: '--to <file>', summary: 'write it there (default: to standard output)' },
    state: { flags: '--state <directory>', summary: "the daemon's state, for the commands" },
  },

  async run({ name, source, format = 'text', to, state, ...given }, context) {
    const { output, cwd } = context;
    if (name === undefined) return output.print(describeList(), listed());
    if (given.time !== undefined) parseInstant(given.time, '--time');
    const page = await makePage(name, source, given, state, context);
    const text = {
      text: () => printText(page, shellWord),
      markdown: () => printMarkdown(page, shellWord),
      json: () => toJson(page),
    }[format]();
    if (to === undefined) return output.print(text, page);
    await writeFile(resolve(cwd, to), `${text}\n`);
    output.print(`the runbook ${name} is in ${resolve(cwd, to)}`, { name, to: resolve(cwd, to) });
  },
});

const folder = fileURLToPath(new URL('../../statemachines', import.meta.url));

async function makePage(
  name: string,
  asked: string | undefined,
  given: Given,
  state: string | undefined,
  context: CommandContext,
): Promise<Page> {
  const situation = situations.find((one) => one.name === name);
  if (!situation && !machineNames(folder).includes(name)) throw unknown(name);
  const { plan, why } = await readPlan(context);
  const source = plan && chooseOne(plan, asked);
  const bucket = source && (await askBucket(source, state, context));
  const known: Known = { plan, source, bucket };
  const now = sectionOf('now', 'What the bucket says now', [
    ...(bucket?.lines ?? []).map((text) => ({ text })),
    ...(why === undefined ? [] : [{ text: `The plan cannot be read: ${why}. Replace what stands in capitals.` }]),
    ...(plan && !source
      ? [
          {
            text: `Not asked: the plan has ${[...plan.sources, ...plan.managed].map((one) => one.name).join(', ')}; say which with --source.`,
          },
        ]
      : []),
  ]);
  const { title, sections } = situation
    ? ofSituation(situation, known, now, context)
    : ofMachine(readMachine(folder, name), known, now, context);
  const words = runbookWords(known, given, context);
  const behind = Object.entries(context.given).flatMap(([flag, value]) =>
    value === undefined ? [] : [`--${flag}`, value],
  );
  const finished = finishSections(sections, { words, programs: programPlaces(known, context), behind });
  const planPath = resolve(context.cwd, context.planPath);
  return {
    name,
    kind: situation ? 'situation' : 'machine',
    title,
    madeAt: context.now().toISOString(),
    plan: plan ? planPath : null,
    source: source?.name ?? null,
    environment: {
      LIFEBOAT_PLAN: planPath,
      ...(state === undefined && !context.environment.LIFEBOAT_STATE
        ? {}
        : { LIFEBOAT_STATE: stateDirectoryOf(state, context) }),
    },
    fillIn: finished.missing,
    sections: finished.sections,
  };
}

type Made = { title: string; sections: Section[] };

function ofSituation(
  situation: (typeof situations)[number],
  known: Known,
  now: Section[],
  context: CommandContext,
): Made {
  const { first, steps, last } = situationSections(situation, conditionsOf(known, context));
  const people = peopleSections(known.plan, asksIn(steps));
  const group = groupOf(known.plan, known.source);
  const moves = sectionOf('moves', 'What moves', group ? groupLines(group).map((text) => ({ text })) : []);
  // a machine of the same name does most of it
  const machine = machineNames(folder).includes(situation.name) ? readMachine(folder, situation.name) : undefined;
  const done = machine
    ? machineSections(machine, {
        hasCommand: () => false,
        onAws: conditionsOf(known, context).has('stack'),
        schedules: [],
      })
    : [];
  return { title: situation.title, sections: [...first, ...now, ...moves, ...steps, ...people, ...last, ...done] };
}

function ofMachine(machine: Machine, known: Known, now: Section[], context: CommandContext): Made {
  const { plan, source } = known;
  const schedules = (plan ? plannedSchedules(plan) : []).filter(
    ({ target }) =>
      'stateMachine' in target &&
      target.stateMachine === machine.name &&
      (!source || JSON.stringify(target.input).includes(`"${source.name}"`)),
  );
  const sections = machineSections(machine, {
    hasCommand: (name) => commandTable.some((entry) => entry.name === name),
    onAws: conditionsOf(known, context).has('stack'),
    schedules: schedules.map(
      ({ name, expression, timezone }) => `By the schedule ${name}: ${expression}, ${timezone}.`,
    ),
  });
  const asks = allStates(machine).some(([state]) => state === 'Ask for approval') ? [machine.name] : [];
  return {
    title: `what the machine does, and what can go wrong`,
    sections: [...now, ...sections, ...peopleSections(plan, asks)],
  };
}

/** A page without the plan is better than none. */
async function readPlan({ writtenPlan }: CommandContext): Promise<{ plan?: Plan; why?: string }> {
  try {
    return { plan: await writtenPlan() };
  } catch (failure) {
    return { why: (failure as Error).message.split('\n')[0]! };
  }
}

/** undefined: there are several, and nobody says which */
function chooseOne(plan: Plan, asked: string | undefined) {
  const all = [...plan.sources, ...plan.managed];
  return asked === undefined && all.length > 1 ? undefined : chooseAny(plan, asked, '--source');
}

interface Listed {
  name: string;
  kind: Page['kind'];
  title: string;
}

const listed = (): Listed[] => [
  ...situations.map(({ name, title }) => ({ name, kind: 'situation' as const, title })),
  ...machineNames(folder)
    .filter(isNoSituation)
    .map((name) => {
      const [title] = (readMachine(folder, name).Comment ?? '').split(/[:.;](?: |$)| with \{/);
      return { name, kind: 'machine' as const, title: title! };
    }),
];

const isNoSituation = (name: string): boolean => situations.every((situation) => situation.name !== name);

function describeList(): string {
  const rows = (kind: Page['kind']) =>
    formatTable(listed().flatMap((one) => (one.kind === kind ? [[`  ${one.name}`, one.title]] : [])));
  return ['what happened:', rows('situation'), 'machines:', rows('machine'), '`lifeboat runbook NAME` prints one'].join(
    '\n',
  );
}

function unknown(name: string): UsageInvalid {
  const names = listed().map((one) => one.name);
  const meant = nearest(name, names);
  return new UsageInvalid(
    `there is no runbook "${name}"`,
    meant === undefined ? `there are: ${names.join(', ')}` : `did you mean "${meant}"?`,
  );
}

function parseFormat(text: string, field: string): 'text' | 'markdown' | 'json' {
  if (text === 'text' || text === 'markdown' || text === 'json') return text;
  throw new InputInvalid(field, text, 'text, markdown or json');
}
