import { setTimeout as sleep } from 'node:timers/promises';
import { listOpenIncidents } from '#catalog/incidents';
import type { CommandContext } from '#cli/command';
import { findMachines, stateOption } from '#cli/open-machines';
import type { ExitCode } from '#model/exit-code';
import { Failure, InputInvalid } from '#model/failure';
import { incidentOf, isIncidentId, type Said } from '#model/incident';
import { type SeverityName, severityNames } from '#model/incident-settings';
import type { Machines } from '#runtime/machines';
import type { ToldMessage } from '#runtime/tell-incidents';
import { thisPerson } from '#runtime/this-process';
import type { ObjectStore } from '#store/object-store';

/** What every command has that says something of an incident. */
export const speakerOptions = {
  as: { flags: '--as <name>', summary: 'who says so (default: the user; on AWS, the identity)' },
  state: stateOption,
} as const;

export const incidentArgument = {
  incident: { summary: 'its id (default: the only one that is open)', optional: true, parse: parseIncidentId },
} as const;

/** Who says something, and when. */
export async function speaker({ stack, environment, now }: CommandContext, as: string | undefined): Promise<Said> {
  const user = async () => {
    if (await stack()) return (await import('#runtime/prove-caller')).callerArn(environment);
    return thisPerson(environment);
  };
  return { by: (as ?? (await user())).slice(0, 200), at: now().toISOString() };
}

/** The one that is named, or the only one that is open. @throws InputInvalid */
export async function chosenIncident(store: ObjectStore, id: string | undefined): Promise<string> {
  if (id !== undefined) return id;
  const listed = await listOpenIncidents(store);
  const open = listed.filter(({ entries }) => !incidentOf(entries).resolved).map(({ incident }) => incident);
  if (open.length === 1) return open[0]!;
  const allowed = open.length === 0 ? 'an open incident, and none is' : `one of ${open.join(', ')}`;
  throw new InputInvalid('incident', id, allowed, 'list them with `lifeboat incident list --all`');
}

export interface Telling {
  /** what was told now, of all incidents */
  told: ToldMessage[];
  /** what people have to know of it */
  remark: string | null;
}

/**
 * Have people told at once: by the stack or the daemon, which have the right and the secrets, or by this process where
 * neither is. What was said is kept already, so a failure is told and not thrown.
 */
export async function tellNow(context: CommandContext, state: string | undefined): Promise<Telling> {
  let machines: Machines | undefined;
  try {
    machines = await findMachines(context, state);
    const ask = machines ? askMachines(machines) : await askHere(context);
    for (let tries = 0; tries < patienceTries; tries++) {
      const outcome = await ask();
      if (!outcome.busy) return { told: outcome.told, remark: machines ? null : nobodyReminds };
      await sleep(1_000, undefined, { signal: context.signal });
    }
    return { told: [], remark: 'somebody else is telling people just now: `lifeboat incident show` says how far' };
  } catch (failure) {
    context.signal.throwIfAborted();
    if (!(failure instanceof Failure)) throw failure;
    return { told: [], remark: `it is written down, but nobody could be told of it: ${failure.message}` };
  } finally {
    machines?.close();
  }
}

/** As long as one teller may hold (src/catalog/open-incidents.ts). */
const patienceTries = 45;

const nobodyReminds =
  'no daemon runs: this command told people itself, and nobody is called or reminded until `lifeboat up` runs';

type Ask = () => Promise<{ busy: boolean; told: ToldMessage[] }>;

const askMachines =
  (machines: Machines): Ask =>
  async () =>
    (await machines.invoke('tell-incidents', { answer: true })) as Awaited<ReturnType<Ask>>;

async function askHere({ plan: readPlan, environment, now }: CommandContext): Promise<Ask> {
  const [{ tellIncidents }, { noticeRecords }, { openSenders }, { openStoreAt }] = await Promise.all([
    import('#runtime/tell-incidents'),
    import('#runtime/notice-records'),
    import('#runtime/open-senders'),
    import('#runtime/open-bucket'),
  ]);
  const plan = await readPlan();
  const store = await openStoreAt(plan.bucket, environment);
  // who cannot remember tells twice rather than not at all
  const records = noticeRecords(store, { here: new Set(), now, onFailure: () => undefined });
  return () => tellIncidents({ store, plan, senders: openSenders(environment), records });
}

/** How that went, for people; without those that had taken it before. */
export const describeTelling = ({ told, remark }: Telling, id: string): string[] => [
  ...told
    .filter(({ incident }) => incident === id)
    .flatMap(({ kind, results }) => [
      ...(results.length === 0 ? [`told (${kind})  NOBODY: the plan has no channel for it`] : []),
      ...results
        .filter(({ tries, taken }) => tries > 0 || !taken)
        .map((result) =>
          result.taken
            ? `told (${kind})  ${result.label}`
            : `NOT TOLD (${kind})  ${result.label}: ${result.reason}${result.hint === undefined ? '' : `: ${result.hint}`}`,
        ),
    ]),
  ...(remark === null ? [] : [remark]),
];

export const exitCodeOfTelling = ({ told, remark }: Telling): ExitCode =>
  told.every(({ results }) => results.every(({ taken }) => taken)) && (remark === null || remark === nobodyReminds)
    ? 0
    : 9;

function parseIncidentId(text: string, field: string): string {
  if (isIncidentId(text)) return text;
  throw new InputInvalid(field, text, 'the id of an incident, like 20261120-4f2a');
}

/** Words of a person, of at most so many letters. */
export const parseWords =
  (most: number) =>
  (text: string, field: string): string => {
    if (/\S/.test(text) && text.length <= most) return text;
    throw new InputInvalid(field, text, `some words, at most ${most} letters`);
  };

export function parseSeverity(text: string, field: string): SeverityName {
  const name = severityNames.find((one) => one === text.toUpperCase());
  if (name !== undefined) return name;
  throw new InputInvalid(field, text, `one of ${severityNames.join(', ')}`);
}
