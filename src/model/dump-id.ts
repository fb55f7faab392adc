import { z } from 'zod';
import { InputInvalid } from '#model/failure';

/** `20261120T051345123Z-dump`: when it began (UTC, milliseconds) and what it is; text order is time order. */
export type DumpId = string & { readonly unit: 'dump id' };

export const dumpKinds = ['dump', 'schema'] as const;
/** dump: definitions and rows; schema: definitions alone */
export type DumpKind = (typeof dumpKinds)[number];

const pattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-(dump|schema)$/;
const allowed = 'an id like 20261120T051345123Z-dump';

export function dumpId(startedAt: Date, kind: DumpKind): DumpId {
  return `${startedAt.toISOString().replace(/[-:.]/g, '')}-${kind}` as DumpId;
}

/** @throws InputInvalid */
export function parseDumpId(text: string): { id: DumpId; startedAt: Date; kind: DumpKind } {
  const [, year, month, day, hour, minute, second, milli, kind] = pattern.exec(text) ?? [];
  const startedAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milli}Z`);
  // Date reads the 30th of February as the 2nd of March.
  if (Number.isNaN(startedAt.getTime()) || dumpId(startedAt, kind as DumpKind) !== text)
    throw new InputInvalid('dump', text, allowed, 'list them with `lifeboat dumps`');
  return { id: text as DumpId, startedAt, kind: kind as DumpKind };
}

export const isDumpId = (text: string): text is DumpId => pattern.test(text);

export const dumpIdSchema = z.custom<DumpId>((value) => typeof value === 'string' && isDumpId(value), allowed);
