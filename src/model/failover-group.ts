import { z } from 'zod';
import { durationAllowed, isDuration, parseDuration } from '#model/duration';
import { type Capacity, capacity } from '#model/failover-capacity';
import { type HealthCheck, healthCheck } from '#model/failover-health';
import { type MovedName, movedName } from '#model/failover-names';
import { type MovedSetting, movedSetting } from '#model/failover-settings';
import { type Site, site, siteName } from '#model/failover-site';
import { type Witness, witness } from '#model/failover-witness';
import { listOf, section, text, yesOrNo } from '#model/plan-field';
import { isSize, parseSize, sizeAllowed } from '#model/size';

/**
 * Two sites of which one has the primary, and what follows it when that moves: `failover` of the plan. The source's own
 * connection is the name that moves, so that backups follow, too.
 */
export interface FailoverGroup {
  /** its key under `failover` */
  name: string;
  /** of the plan; in no other group */
  source: string;
  /** where the primary belongs when all is well */
  home: Site;
  recovery: Site;
  names: MovedName[];
  /** in the order in which it is raised */
  capacity: Capacity[];
  settings: MovedSetting[];
  health: HealthCheck[];
  /** all of it has to be healthy within this time after the move */
  healthyWithinMs: number;
  limits: { lagBytes: number; lagMs: number };
  /** the primary has to be gone this long before somebody is asked; absent: nobody is asked by itself */
  proposeAfterMs?: number;
  /** whether two witnesses may stand for the person who approves */
  automatic: boolean;
  witnesses: Witness[];
  rehearsal: { capacity: boolean };
}

export const sitesOf = ({ home, recovery }: FailoverGroup): [Site, Site] => [home, recovery];

/** The one that the primary is moved away from. */
export const otherSite = (group: FailoverGroup, name: string): Site =>
  group.home.name === name ? group.recovery : group.home;

const duration = () =>
  z
    .custom<string>((value) => typeof value === 'string' && isDuration(value), { error: durationAllowed })
    .transform((value) => parseDuration(value));

const size = () =>
  z
    .custom<string>((value) => typeof value === 'string' && isSize(value), { error: sizeAllowed })
    .transform((value) => parseSize(value, 'size'));

/** A group without its name, which is its key in the plan. */
export const failoverGroup = section({
  source: text('the name of a source of kind postgres or rds'),
  home: siteName(),
  sites: z
    .record(siteName(), site, { error: 'a map of two sites by name' })
    .refine((sites) => Object.keys(sites).length === 2, { error: 'two sites' }),
  names: listOf(movedName, 'names').prefault([]),
  capacity: listOf(capacity, 'capacity').prefault([]),
  settings: listOf(movedSetting, 'settings').prefault([]),
  health: listOf(healthCheck, 'health checks').prefault([]),
  healthyWithin: duration().prefault('5m'),
  limits: section({ lag: size().prefault('16MiB'), lagTime: duration().prefault('1m') }).prefault({}),
  proposeAfter: duration().exactOptional(),
  automatic: yesOrNo().default(false),
  witnesses: listOf(witness, 'witnesses').prefault([]),
  rehearsal: section({ capacity: yesOrNo().default(false) }).prefault({}),
})
  .superRefine(({ home, sites, names, settings, capacity, automatic, witnesses, proposeAfter }, issues) => {
    const refuse = (path: PropertyKey[], message: string) => issues.addIssue({ code: 'custom', path, message });
    const known = Object.keys(sites);
    if (!known.includes(home)) refuse(['home'], `one of the sites ${known.join(', ')}`);
    for (const [part, moved] of Object.entries({ names, settings })) {
      for (const [index, { values }] of moved.entries()) {
        if (known.every((name) => Object.hasOwn(values, name)) && Object.keys(values).length === known.length) continue;
        refuse([part, index, 'values'], `a value for each of ${known.join(', ')}`);
      }
    }
    for (const [part, placed] of Object.entries({ capacity, settings })) {
      for (const [index, { site }] of placed.entries())
        if (site !== undefined && !known.includes(site))
          refuse([part, index, 'site'], `one of the sites ${known.join(', ')}`);
    }
    if (automatic && new Set(witnesses.map(({ kind }) => kind)).size < 2)
      refuse(['automatic'], 'false, unless there are two witnesses of different kinds');
    if (automatic && proposeAfter === undefined) refuse(['automatic'], 'false, unless there is proposeAfter');
  })
  .transform(
    ({ sites, home, limits, healthyWithin, proposeAfter, ...rest }): Omit<FailoverGroup, 'name'> => ({
      ...rest,
      home: { name: home, ...sites[home]! },
      recovery: Object.entries(sites)
        .map(([name, one]): Site => ({ name, ...one }))
        .find(({ name }) => name !== home)!,
      limits: { lagBytes: limits.lag, lagMs: limits.lagTime },
      healthyWithinMs: healthyWithin,
      ...(proposeAfter === undefined ? {} : { proposeAfterMs: proposeAfter }),
    }),
  );

export const groupName = text(
  '1 to 40 lower-case letters, digits or -, beginning with a letter',
  /^[a-z][a-z0-9-]{0,39}$/,
);
