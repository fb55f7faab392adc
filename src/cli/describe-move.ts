import { z } from 'zod';
import { formatDuration } from '#model/duration';
import { formatBytes } from '#model/format-bytes';

/** Of what the machines failover and failback end with, all that is told here. */
const moveSchema = z.object({
  group: z.string().optional(),
  mode: z.string().nullish(),
  from: z.string().nullish(),
  to: z.string().nullish(),
  reached: z.string().nullish(),
  lostBytes: z.number().nullish(),
  rtoMs: z.number().nullish(),
  verification: z.string().nullish(),
});
type Move = z.infer<typeof moveSchema>;

/** What has become of a move: where the primary is, what it cost, and what is left to do. */
export function describeMove(machine: string, name: string, record: unknown): string {
  const read = moveSchema.safeParse(record);
  if (!read.success || read.data.to == null) return `${machine} ${name} succeeded`;
  const move = read.data;
  return [
    headline(machine, move),
    ...line('reached', move.reached),
    ...line('RTO', rtoOf(move)),
    ...line('RPO', movesNothing.includes(move.mode ?? '') ? undefined : lossOf(move)),
    ...line('checks', move.verification),
  ].join('\n');
}

const movesNothing = ['rehearsal', 'standby'];

function headline(machine: string, { group, mode, from, to }: Move): string {
  const what = group === undefined ? machine : `${group}`;
  if (mode === 'rehearsal')
    return `${what}: the rehearsal of a move from ${from} to ${to} went well; nothing was moved`;
  if (mode === 'standby') return `${what}: ${from} is a standby again; the primary stayed at ${to}`;
  return `${what}: the primary is at ${to}${mode === 'finish' || from == null ? '' : `, and was at ${from}`}`;
}

const rtoOf = ({ rtoMs }: Move): string | undefined =>
  rtoMs == null ? undefined : `${formatDuration(rtoMs)}, from the fence to health`;

/** Of a primary that was gone only that counts which the standby or the bucket knew of. */
function lossOf({ mode, lostBytes }: Move): string {
  if (lostBytes == null) return 'not known: nobody could say what the old primary had';
  const unknown = mode === 'failover' ? ', and what the old primary wrote last and nobody got' : '';
  if (lostBytes > 0) return `${formatBytes(lostBytes)} of WAL${unknown}`;
  return unknown === ''
    ? 'nothing is lost'
    : `nothing that the bucket has${unknown.replace(', and', '; not counted is')}`;
}

const line = (word: string, text: string | null | undefined): string[] =>
  text == null ? [] : [`  ${word.padEnd(9)}${text}`];
