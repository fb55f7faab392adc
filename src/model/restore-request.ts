import { normalize } from 'node:path';
import { z } from 'zod';
import { InputInvalid } from '#model/failure';
import type { RestoreInput } from '#model/machine-input';
import { parseTarget, type TargetInput } from '#model/recovery-target';
import { checkReplaySettings } from '#model/replay-settings';

/** What a machine restores, and where to: nothing in it is left to be guessed, so it can be carried out again. */
export interface RestoreRequest {
  source: string;
  /** as people give it; no point means the latest one, which a plan to approve never leaves so */
  target: TargetInput;
  /** absolute path of the data directory to make */
  to: string;
  /** rename what lies at the places to restore to */
  setAside: boolean;
  /** a tablespace's location or oid → its new place, absolute */
  tablespaces: Record<string, string>;
  /** server settings for the replay only */
  settings: Record<string, string>;
}

const words = z.record(z.string(), z.string());

export const targetInputSchema: z.ZodType<TargetInput> = z.strictObject({
  time: z.string().exactOptional(),
  lsn: z.string().exactOptional(),
  xid: z.string().exactOptional(),
  name: z.string().exactOptional(),
  immediate: z.boolean().exactOptional(),
  exclusive: z.boolean().exactOptional(),
  action: z.string().exactOptional(),
  timeline: z.string().exactOptional(),
  backup: z.string().exactOptional(),
});

export const restoreRequestSchema: z.ZodType<RestoreRequest> = z.strictObject({
  source: z.string(),
  target: targetInputSchema,
  to: z.string(),
  setAside: z.boolean(),
  tablespaces: words,
  settings: words,
});

/** A task is given at most 8 KiB (the overrides of ECS), of which hash and names need some, and quotes are escaped. */
const maxRequestBytes = 5_000;

const points = ['time', 'lsn', 'xid', 'name', 'immediate', 'latest'] as const;

/** What a person asked for, with every default written out. @throws InputInvalid */
export function restoreRequest(source: string, input: RestoreInput): RestoreRequest {
  const given = points.filter((point) => input[point] !== undefined);
  if (given.length > 1) throw new InputInvalid('target', given.join(' and '), `one of ${points.join(', ')}`);
  const { to, setAside = false, tablespaces = {}, settings = {} } = input;
  const target = targetOf(input);
  parseTarget(target);
  checkReplaySettings(Object.keys(settings));
  const request = { source, target, to, setAside, tablespaces, settings: mapWords(settings) };
  const bytes = Buffer.byteLength(JSON.stringify(request));
  if (bytes <= maxRequestBytes) return request;
  throw new InputInvalid('input', `${bytes} bytes`, `at most ${maxRequestBytes} bytes of target, places and settings`);
}

/**
 * Where a restore has no disk but one volume, everything has to go there; without `volume` it may go anywhere.
 * @throws InputInvalid
 */
export function checkPlaces({ to, tablespaces }: RestoreRequest, volume: string | undefined): void {
  if (!volume) return;
  const places = {
    to,
    ...Object.fromEntries(Object.entries(tablespaces).map(([of, at]) => [`tablespaces.${of}`, at])),
  };
  for (const [field, place] of Object.entries(places)) {
    if (normalize(place).startsWith(`${volume}/`)) continue;
    throw new InputInvalid(field, place, `a directory in ${volume}, where the volume is that the restore leaves`);
  }
}

/** For planLayout, which takes mappings as a command line has them. */
export const tablespaceMappings = ({ tablespaces }: RestoreRequest): string[] =>
  Object.entries(tablespaces).map(([from, to]) => `${from}=${to}`);

function targetOf(input: RestoreInput): TargetInput {
  const { time, lsn, xid, name, immediate, exclusive, action, timeline, backup } = input;
  const given = { time, lsn, xid, name, immediate, exclusive, action, timeline, backup };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const mapWords = (settings: Record<string, string | number | boolean>): Record<string, string> =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, printSetting(value)]));

const printSetting = (value: string | number | boolean): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
