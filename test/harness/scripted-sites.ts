import type { Movable } from '#failover/movable';
import type { ServerAnswer, SiteFacts } from '#failover/site-facts';
import type { FenceMemory, FenceOutcome, PromotionOutcome, SiteServer } from '#failover/site-server';
import { type Lsn, lsn } from '#model/lsn';
import type { FunctionWorld } from '#runtime/function-world';

export type SiteName = 'east' | 'west';

/** What stands between a call and what it does: does it by `act`, before, after or never, or fails instead. */
export type Script<Result> = (act: () => Promise<Result>, count: number) => Promise<Result>;

interface Results {
  look: SiteFacts;
  beforeFence: FenceMemory;
  fence: FenceOutcome;
  unfence: undefined;
  promote: PromotionOutcome;
}

/** One site's server; a fence is a server that is stopped and can only come up as a standby. */
export class ScriptedSite {
  exists = true;
  runs = true;
  fenced = false;
  role: 'primary' | 'standby';
  timeline = 1;
  /** whether it can be asked; it may work all the same */
  reachable = true;
  /** whether what the primary writes comes here */
  receives = true;
  end: Lsn = lsn(0x1000n);
  readonly scripts: { [Method in keyof Results]?: Script<Results[Method]> } = {};
  /** methods that were called, in order */
  readonly calls: (keyof Results)[] = [];

  readonly name: SiteName;

  constructor(name: SiteName, role: 'primary' | 'standby') {
    this.name = name;
    this.role = role;
  }

  get writes(): boolean {
    return this.exists && this.runs && this.role === 'primary' && !this.fenced;
  }
}

/** Something that follows the primary; a change is seen by everybody after it was asked for so often. */
export class ScriptedMovable implements Movable {
  readonly part: Movable['part'];
  readonly what: string;
  /** by the site that has the primary */
  readonly values: Readonly<Record<SiteName, string>>;
  declare readonly site?: string;
  value: string | null;
  puts: (string | null)[] = [];
  settlesAfter = 0;
  problems: string[] = [];
  /** instead of reading or putting */
  fails: Error | undefined;
  #asked = 0;

  /** as it is while `east` has the primary */
  constructor(part: Movable['part'], what: string, [east, west]: [string, string], site?: SiteName) {
    this.part = part;
    this.what = what;
    this.values = { east, west };
    this.value = east;
    if (site !== undefined) this.site = site;
  }

  wanted(primary: string): string {
    return this.values[primary as SiteName];
  }

  async read(): Promise<string | null> {
    if (this.fails) throw this.fails;
    return this.value;
  }

  async put(value: string | null): Promise<string> {
    if (this.fails) throw this.fails;
    this.puts.push(value);
    this.value = value;
    this.#asked = 0;
    return `change ${this.puts.length}`;
  }

  async settled(): Promise<boolean> {
    return this.#asked++ >= this.settlesAfter;
  }

  async check(): Promise<string[]> {
    return this.problems;
  }
}

/**
 * Two sites of the group `shop`, and what follows its primary. After everything that anybody does it is looked whether two
 * sites take writes; `violations` has what was done then.
 */
export class ScriptedSites {
  readonly east = new ScriptedSite('east', 'primary');
  readonly west = new ScriptedSite('west', 'standby');
  readonly name = new ScriptedMovable('names', 'file /srv/primary', ['east:1', 'west:1']);
  readonly eastApp = new ScriptedMovable('capacity', 'ecs east/web', ['3', '0'], 'east');
  readonly westApp = new ScriptedMovable('capacity', 'ecs west/web', ['1', '4'], 'west');
  readonly setting = new ScriptedMovable('settings', 'ssm /shop/db', ['east', 'west']);
  readonly violations: string[] = [];
  /** of rows, written by those who follow the name */
  readonly written: { site: SiteName; at: Lsn }[] = [];

  get movables(): ScriptedMovable[] {
    return [this.name, this.eastApp, this.westApp, this.setting];
  }

  get moves(): Pick<FunctionWorld, 'siteServers' | 'movables'> {
    return {
      siteServers: async (_, { name }) => this.server(name as SiteName),
      movables: async () => this.movables,
    };
  }

  /** Who takes writes now. */
  get writing(): SiteName[] {
    return [this.east, this.west].filter(({ writes }) => writes).map(({ name }) => name);
  }

  /** Rows are written where the primary is, and arrive where a standby receives. */
  write(bytes = 100): void {
    for (const site of [this.east, this.west]) {
      if (!site.writes) continue;
      site.end = lsn(site.end + BigInt(bytes));
      this.written.push({ site: site.name, at: site.end });
      const other = this.other(site.name);
      if (other.exists && other.runs && other.role === 'standby' && other.receives) other.end = site.end;
    }
  }

  /** The primary dies as a machine does: nobody reaches it, and it does nothing. */
  kill(site: SiteName): void {
    this[site].runs = false;
    this.see(`${site} was killed`);
  }

  /** Somebody starts it, as systemd does. */
  start(site: SiteName): void {
    const one = this[site];
    one.runs = true;
    if (one.fenced) one.role = 'standby';
    this.see(`${site} was started`);
  }

  other(site: SiteName): ScriptedSite {
    return site === 'east' ? this.west : this.east;
  }

  see(what: string): void {
    if (this.writing.length > 1) this.violations.push(what);
  }

  server(name: SiteName): SiteServer {
    const site = this[name];
    const scripted = async <Method extends keyof Results>(
      method: Method,
      act: () => Results[Method],
    ): Promise<Results[Method]> => {
      site.calls.push(method);
      const script = site.scripts[method] as Script<Results[Method]> | undefined;
      const acting = async () => {
        const result = act();
        this.see(`${name}.${method}`);
        return result;
      };
      const count = site.calls.filter((called) => called === method).length;
      return script ? script(acting, count) : acting();
    };
    return {
      site: name,
      look: () => scripted('look', () => this.#factsOf(site)),
      beforeFence: () => scripted('beforeFence', () => ({ runs: site.runs, fenced: site.fenced, role: site.role })),
      fence: () => scripted('fence', () => fence(site)),
      unfence: (memory) => scripted('unfence', () => unfence(site, memory)),
      promote: () => scripted('promote', () => promote(site)),
    };
  }

  #factsOf(site: ScriptedSite): SiteFacts {
    const how = site.fenced ? 'stopped; its data directory can only come up as a standby' : 'it is not fenced';
    const fence = { strength: 'hard', fenced: site.fenced, possible: site.reachable, how } as const;
    return { site: site.name, server: this.#answerOf(site), fence };
  }

  #answerOf(site: ScriptedSite): ServerAnswer {
    if (!site.exists) return { state: 'absent' };
    if (!site.runs || !site.reachable) return { state: 'silent', why: 'connection refused' };
    const { role, timeline, end } = site;
    const standby = role === 'standby';
    return {
      ...{ state: 'answers', systemId: '7710121666982256801', role, timeline, lsn: end },
      ...{ received: standby ? end : null, replayedAt: null, readsBucket: true, clock: new Date() },
      streams: standby && site.receives && this.other(site.name).writes,
    };
  }
}

function fence(site: ScriptedSite): FenceOutcome {
  site.fenced = true;
  site.runs = false;
  return { strength: 'hard', how: 'stopped; its data directory can only come up as a standby', end: site.end };
}

function unfence(site: ScriptedSite, memory: FenceMemory): undefined {
  site.fenced = memory.fenced as boolean;
  site.role = memory.role as 'primary' | 'standby';
  site.runs = memory.runs as boolean;
}

function promote(site: ScriptedSite): PromotionOutcome {
  if (site.role === 'standby') site.timeline++;
  site.role = 'primary';
  return { done: true, timeline: site.timeline, lsn: site.end };
}
