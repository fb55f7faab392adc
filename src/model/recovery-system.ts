import { z } from 'zod';
import { durationAllowed, isDuration, parseDuration } from '#model/duration';
import { type Capacity, capacity } from '#model/failover-capacity';
import { type HealthCheck, healthCheck } from '#model/failover-health';
import { type MovedSetting, movedSetting } from '#model/failover-settings';
import { listOf, section, text, wholeNumber, yesOrNo } from '#model/plan-field';
import { type Connection, connection } from '#model/postgres-source';

/** Several sources that are brought back together, with what stands on them: `systems` of the plan. */
export interface RecoverySystem {
  /** its key under `systems` */
  name: string;
  /** in the order of the plan; restoreOrder says in which they are restored */
  sources: SystemSource[];
  /** in the order in which they are started; they are stopped the other way round */
  applications: Application[];
  /** put once everything is restored */
  settings: SystemSetting[];
  health: SystemCheck[];
  /** all of it has to be healthy within this time after the last application runs */
  healthyWithinMs: number;
}

export interface SystemSource {
  /** a PostgreSQL cluster of the plan, once in a system */
  source: string;
  /** absolute path of the data directory to make */
  to: string;
  /** sources of this system that have to be there before */
  after: string[];
  /** rename what lies at the places to restore to */
  setAside: boolean;
  /** a tablespace's location or oid and its new place */
  tablespaces: Record<string, string>;
  /** start its server once it is restored; absent: people do, as on a volume that AWS keeps */
  start?: ServerStart;
}

export interface ServerStart {
  /** absent: what its configuration says */
  port?: number;
  /** of the server, beside its configuration */
  settings: Record<string, string>;
}

/** How much of it runs: `active`, and `idle` while everything is restored. */
export type Application = Unsited<Capacity>;
type Unsited<T> = T extends unknown ? Omit<T, 'site'> : never;

export type SystemSetting = Unvalued<MovedSetting> & { value: string };
type Unvalued<T> = T extends unknown ? Omit<T, 'values'> : never;

/** An SQL query is asked of the source's own connection, unless it has one of its own. */
export interface SystemCheck {
  check: HealthCheck;
  source?: string;
  connection?: Connection;
}

export const systemName = text(
  '1 to 40 lower-case letters, digits or -, beginning with a letter',
  /^[a-z][a-z0-9-]{0,39}$/,
);

/** A machine carries the plans of all of them. */
const mostSources = 20;

const absolute = text('the absolute path of a directory', /^\/+[^/\0\n][^\0\n]*$/);

const serverSetting = z
  .record(
    text('the name of a server setting', /^[a-z_][\w.]*$/i),
    z.union([z.string(), z.number(), z.boolean()], { error: 'text, a number, true or false' }),
    { error: 'a map of server settings' },
  )
  .transform((settings) =>
    Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [
        name,
        typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value),
      ]),
    ),
  );

const systemSource = section({
  source: text('the name of a source of kind postgres'),
  to: absolute,
  after: listOf(text('the name of a source of this system'), 'names of sources of this system').prefault([]),
  setAside: yesOrNo().default(false),
  tablespaces: z
    .record(text('the location or oid of a tablespace', /^(\/[^=\n]*|\d+)$/), absolute, {
      error: 'a map of old to new places',
    })
    .prefault({}),
  start: section({
    port: wholeNumber(1, 65_535).exactOptional(),
    settings: serverSetting.prefault({}),
  }).exactOptional(),
});

/** What a system calls the one place where its applications are: those of a group have two. */
export const systemSite = 'system';

/** As a capacity of a group, which says of which site it is. */
const application = z.unknown().transform((value, context): Application => {
  if (isMap(value) && 'site' in value) return refused(context, value, ['site'], 'nothing: a system has no sites');
  const one = asIn(capacity, isMap(value) ? { ...value, site: systemSite } : value, context);
  if (one === undefined) return z.NEVER;
  const { site: _, ...rest } = one;
  return rest;
});

/** As a setting of a group, which has a value for each site. */
const setting = z.unknown().transform((value, context): SystemSetting => {
  if (isMap(value) && 'values' in value)
    return refused(context, value, ['values'], 'nothing: a system has one value, in value');
  if (isMap(value) && typeof value.value !== 'string') return refused(context, value, ['value'], 'text of one line');
  const { value: put, ...given } = isMap(value) ? value : {};
  const one = asIn(movedSetting, isMap(value) ? { ...given, values: { [systemSite]: put } } : value, context);
  if (one === undefined) return z.NEVER;
  const { values, ...rest } = one;
  return { ...rest, value: values[systemSite]! };
});

/** As a health check of a group, with the connection that it is asked on. */
const check = z.unknown().transform((value, context): SystemCheck => {
  const { source, connection: own, ...rest } = isMap(value) ? value : {};
  const asked = asIn(healthCheck, isMap(value) ? rest : value, context);
  if (asked === undefined) return z.NEVER;
  if (asked.kind === 'http' && typeof asked.url !== 'string') return refused(context, value, ['url'], 'a URL');
  if (asked.kind !== 'sql') {
    const only = (field: string) => refused(context, value, [field], 'nothing: only an sql check asks a server');
    return source !== undefined ? only('source') : own !== undefined ? only('connection') : { check: asked };
  }
  if ((source === undefined) === (own === undefined))
    return refused(context, value, [], 'either source or connection, beside the query');
  if (typeof source === 'string') return { check: asked, source };
  if (source !== undefined) return refused(context, value, ['source'], 'the name of a source of this system');
  const given = asIn(connection, own, context, ['connection']);
  return given === undefined ? z.NEVER : { check: asked, connection: given };
});

type Context = z.core.$RefinementCtx;

/** By the schema of something that is much like it; what is wrong is told of the text as it stands. */
function asIn<T>(schema: z.ZodType<T>, value: unknown, { issues }: Context, at: PropertyKey[] = []): T | undefined {
  const outcome = schema.safeParse(value);
  if (outcome.success) return outcome.data;
  for (const issue of outcome.error.issues)
    issues.push({ ...issue, path: [...at, ...issue.path], input: value } as z.core.$ZodRawIssue);
  return undefined;
}

function refused({ issues }: Context, input: unknown, path: PropertyKey[], message: string): never {
  issues.push({ code: 'custom', path, message, input });
  return z.NEVER;
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const duration = () =>
  z
    .custom<string>((value) => typeof value === 'string' && isDuration(value), { error: durationAllowed })
    .transform((value) => parseDuration(value));

/** A system without its name, which is its key in the plan. */
export const recoverySystem = section({
  sources: listOf(systemSource, 'sources').refine((sources) => sources.length > 0 && sources.length <= mostSources, {
    error: `1 to ${mostSources} sources`,
  }),
  applications: listOf(application, 'applications').prefault([]),
  settings: listOf(setting, 'settings').prefault([]),
  health: listOf(check, 'health checks').prefault([]),
  healthyWithin: duration().prefault('5m'),
}).transform(
  ({ healthyWithin, ...rest }): Omit<RecoverySystem, 'name'> => ({ ...rest, healthyWithinMs: healthyWithin }),
);
