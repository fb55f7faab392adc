import { z } from 'zod';
import { formatTable } from '#cli/format-table';
import { formatDuration } from '#model/duration';

/** What the machine system-recovery ends with. */
export const recoveredSchema = z.object({
  system: z.string(),
  rtoMs: z.number(),
  sources: z.array(
    z.object({
      source: z.string(),
      to: z.string(),
      reached: z.string(),
      rtoMs: z.number(),
      restoreMs: z.number(),
      estimatedMs: z.number(),
      port: z.number().nullable(),
    }),
  ),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), found: z.string() })),
});

export function describeRecovered({ system, rtoMs, sources, checks }: z.infer<typeof recoveredSchema>): string {
  const rows = sources.map((one) => [
    one.source,
    formatDuration(one.rtoMs),
    formatDuration(one.restoreMs),
    formatDuration(one.estimatedMs),
    one.port === null ? 'not started' : `port ${one.port}`,
    one.to,
    one.reached,
  ]);
  return [
    `${system} is recovered: away for ${formatDuration(rtoMs)}, from the first stop to health`,
    formatTable([['SOURCE', 'AWAY FOR', 'RESTORE', 'ESTIMATED', 'RUNS', 'IN', 'REACHED'], ...rows]),
    ...checks.map(({ name, found }) => `  well: ${name}: ${found}`),
    'take a backup of each where it runs now; archiving is off there until you switch it on',
  ].join('\n');
}
