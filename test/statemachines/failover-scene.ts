import { MachineRun, type MachineRunOptions, type PersonsAnswer } from '#harness/machine-run';
import { ScriptedSites, type SiteName } from '#harness/scripted-sites';
import { StoredSource } from '#harness/stored-source';
import { type Script, shows } from './scripted-tasks.ts';

const site = (name: string) =>
  `{ server: { kind: postgres, connection: { host: ${name}, user: lifeboat }, control: { kind: local, dataDir: /srv/${name} } } }`;

/** Lines of the plan: a group of two sites for `main`. */
export const shopPlan = (more = ''): string =>
  `failover:\n  shop:\n    source: main\n    home: east\n    sites:\n      east: ${site('east')}\n      west: ${site('west')}\n${more}`;

export const yes = (): PersonsAnswer => ({ decision: 'approve', by: 'grace' });

export interface MoveSceneOptions extends Partial<MachineRunOptions> {
  plan?: string;
  /** of the group */
  group?: string;
  /** how things are before anything is asked for */
  given?: (sites: ScriptedSites) => void;
  /** what happens before the answer, and the answer */
  whileAsked?: (sites: ScriptedSites) => PersonsAnswer | Promise<PersonsAnswer>;
}

export interface MoveScene extends MovePlace {
  run: MachineRun;
}

/** A group of two scripted sites, a real bucket with a backup, and the machines. */
export async function moveScene(options: MoveSceneOptions = {}): Promise<MoveScene> {
  const { plan, group, given, whileAsked, ...rest } = options;
  const place = await movePlace({ plan, group, given });
  const { source, sites } = place;
  const run = new MachineRun({
    tasks: moveTasks(source, sites),
    answer: () => whileAsked?.(sites) ?? yes(),
    ...rest,
    source,
  });
  return {
    ...{ source, sites, run },
    remove() {
      run.remove();
      place.remove();
    },
  };
}

export interface MovePlace {
  source: StoredSource;
  sites: ScriptedSites;
  remove(): void;
}

export async function movePlace({
  plan = '',
  group = '',
  given,
}: {
  plan?: string | undefined;
  group?: string | undefined;
  given?: ((sites: ScriptedSites) => void) | undefined;
}): Promise<MovePlace> {
  const source = await StoredSource.create({ more: `${plan}${shopPlan(group)}` });
  await source.backup();
  await source.commit();
  const sites = new ScriptedSites();
  sites.east.end = source.end;
  sites.west.end = source.end;
  given?.(sites);
  source.moves = sites.moves;
  placed.set(source, sites);
  return { source, sites, remove: () => source.remove() };
}

const placed = new WeakMap<StoredSource, ScriptedSites>();

/** How things may be before a machine is started. */
export const eastIsGone = (sites: ScriptedSites): void => sites.kill('east');

export function nothingIsLeft(sites: ScriptedSites): void {
  sites.kill('east');
  sites.west.exists = false;
}

/** The primary is in the west, and the east is fenced. */
export function afterFailover({ east, west, movables }: ScriptedSites): void {
  Object.assign(east, { fenced: true, runs: false });
  Object.assign(west, { role: 'primary', timeline: 2 });
  for (const movable of movables) movable.value = movable.values.west;
}

/** rebuild-standby, for the sites that belong to the bucket */
export const rebuildsPlaced: Script = (task, source) => rebuilds(placed.get(source)!)(task, source);

/** rebuild-standby does to the scripted site what its task would; drill shows that a copy works. */
export function moveTasks(source: StoredSource, sites: ScriptedSites): NonNullable<MachineRunOptions['tasks']> {
  return {
    drill: (task) => shows()(task, source),
    'rebuild-standby': (task) => rebuilds(sites)(task, source),
  };
}

export const rebuilds =
  (sites: ScriptedSites): Script =>
  (task, { now }) => {
    const { group, site: name, as } = task.input as { group: string; site: SiteName; as: 'standby' | 'primary' };
    const one = sites[name];
    Object.assign(one, { exists: true, runs: true, role: as, receives: true, reachable: true, fenced: false });
    one.end = sites.other(name).end;
    one.timeline = sites.other(name).timeline + (as === 'primary' ? 1 : 0);
    sites.see(`${name} was rebuilt`);
    const times = { startedAt: now.toISOString(), finishedAt: now.toISOString() };
    return task.leave({
      ...{ group, site: name, as, how: as === 'primary' ? 'restored' : 'rewound', divergedAt: null, keptAside: null },
      ...{ rawBytes: 3000, durationMs: 10, ...times },
    });
  };
