import { z } from 'zod';
import { putRecord, readRecord } from '#catalog/put-record';
import { parseExecutionArn } from '#model/arn';
import { InputInvalid } from '#model/failure';
import { taskResultKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';

const value = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);

/** What was before a step of a move changed it, and leads back: stored once, before anything is changed. */
const memorySchema = z.strictObject({
  format: z.literal('lifeboat-step/1'),
  step: z.string(),
  /** the execution's ARN */
  execution: z.string(),
  at: z.iso.datetime(),
  /** by what it was: a site, a name, a setting, a capacity */
  before: z.record(z.string(), z.record(z.string(), value)),
});
export type StepMemory = z.infer<typeof memorySchema>;

/**
 * Remember what was before a step, before it changes anything; asked again after a kill, the first answer stands.
 * `executions/failover/<execution>/<step>-before.json`
 */
export async function rememberBefore(
  store: ObjectStore,
  { execution, step, now }: { execution: string; step: string; now: Date },
  look: () => Promise<StepMemory['before']>,
): Promise<StepMemory> {
  const known = await readMemory(store, execution, step);
  if (known) return known;
  const memory = { format: 'lifeboat-step/1' as const, step, execution, at: now.toISOString(), before: await look() };
  if (await putRecord(store, memoryKey(execution, step), memory)) return memory;
  return (await readMemory(store, execution, step))!;
}

/** undefined: the step never began */
export const readMemory = (store: ObjectStore, execution: string, step: string): Promise<StepMemory | undefined> =>
  readRecord(store, memoryKey(execution, step), memorySchema);

/** Of `arn:aws:states:…:execution:<machine>:<name>`, in AWS with the stack before the machine. */
function memoryKey(execution: string, step: string): string {
  const parsed = parseExecutionArn(execution);
  if (!parsed) throw new InputInvalid('execution', execution, 'the ARN of an execution');
  return taskResultKey(parsed.machine, parsed.name, `${step}-before`);
}
