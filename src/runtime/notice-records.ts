import { createHash } from 'node:crypto';
import { z } from 'zod';
import { changeProjection, type Projection } from '#catalog/change-projection';
import { ObjectMissing } from '#model/failure';
import { occasions } from '#model/notification';
import { type Allowance, allowMessage, type Spent } from '#notify/channel-budget';
import type { Told } from '#notify/dedupe';
import type { NoticeRecords } from '#notify/tell-notice';
import { channelSpentKey, noticeTakenKey, noticeToldKey } from '#store/bucket-layout';
import type { ObjectStore } from '#store/object-store';
import { readObject } from '#store/read-object';

/** What a process remembers by itself: enough to tell nothing twice while the bucket cannot be reached. */
export type TakenHere = Set<string>;

export interface RecordOptions {
  here: TakenHere;
  now(): Date;
  onFailure(failure: unknown): void;
  /** for one question to the bucket */
  patienceMs?: number;
}

/**
 * What is remembered of notices, in the bucket, so that a repeated delivery (Lambda's retry, a restarted outbox) sends nothing
 * twice.
 *
 * Costs for each notice and channel: one HEAD, one PUT, and an object of about 150 bytes that stays (notices/<id>/<channel>.json);
 * for each notice with a dedupe key one GET and one PUT more (catalog/notices/<digest>.json, one object a key). A thousand notices
 * to three channels are 3,000 objects and on S3 about two cents. One GET and one PUT more count what a channel gets (one object a
 * channel). The records may expire: only those of the last days are asked for.
 *
 * A bucket that fails is reported by `onFailure` and holds nobody up: its failure may be what has to be told.
 */
export function noticeRecords(
  store: ObjectStore,
  { here, now, onFailure, patienceMs = 5_000 }: RecordOptions,
): NoticeRecords {
  const orElse = async <T>(otherwise: T, ask: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await within(patienceMs, ask);
    } catch (failure) {
      onFailure(failure);
      return otherwise;
    }
  };
  return {
    isTaken: async (id, channel) => {
      const key = noticeTakenKey(id, channel);
      return here.has(key) || orElse(false, async (signal) => (await store.head(key, { signal })) !== undefined);
    },
    recordTaken: async (id, channel) => {
      const key = noticeTakenKey(id, channel);
      remember(here, key);
      const body = printRecord({ format: 'lifeboat-notice-taken/1', notice: id, channel, at: now().toISOString() });
      await orElse(undefined, async (signal) => {
        await store.put(key, body, { condition: 'absent', signal });
      });
    },
    lastTold: (key) => orElse(undefined, (signal) => readTold(store, toldKey(key), signal)),
    recordTold: (key, told) =>
      orElse(undefined, async (signal) => {
        await store.put(toldKey(key), printRecord({ format: 'lifeboat-notice-told/1', key, ...told }), { signal });
      }),
    allow: (channel) => orElse({ isAllowed: true, remark: null }, () => countMessage(store, channel, now())),
  };
}

const rememberedHere = 10_000;

const spentSchema: z.ZodType<Spent | undefined> = z
  .object({ from: z.iso.datetime(), sent: z.number(), heldBack: z.number() })
  .optional();

/** As one step, however many functions tell at the same time. */
async function countMessage(store: ObjectStore, channel: string, now: Date): Promise<Omit<Allowance, 'spent'>> {
  const projection: Projection<Spent | undefined> = {
    key: channelSpentKey(channel),
    schema: spentSchema,
    empty: undefined,
  };
  let allowance: Allowance | undefined;
  await changeProjection(store, projection, (spent) => {
    allowance = allowMessage(spent, now);
    return { format: 'lifeboat-channel-spent/1', channel, ...allowance.spent };
  });
  return allowance!;
}

/** Also when the store does not listen to the signal. */
async function within<T>(patienceMs: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort();
      reject(new Error(`the bucket did not answer in ${patienceMs / 1_000} s`));
    }, patienceMs);
  });
  try {
    return await Promise.race([ask(controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A set is in the order of what was added to it: the oldest goes. */
function remember(here: TakenHere, key: string): void {
  here.add(key);
  if (here.size > rememberedHere) here.delete(here.values().next().value!);
}

const toldKey = (key: string): string => noticeToldKey(createHash('sha256').update(key).digest('hex').slice(0, 32));

const printRecord = (record: object): Buffer => Buffer.from(`${JSON.stringify(record)}\n`);

const toldSchema: z.ZodType<Told> = z.object({
  id: z.string(),
  occasion: z.enum(occasions),
  recovered: z.boolean(),
  at: z.iso.datetime(),
  heldBack: z.number().int().nonnegative(),
});

/** Undefined also for what is no record: then it is told once more. */
async function readTold(store: ObjectStore, key: string, signal: AbortSignal): Promise<Told | undefined> {
  try {
    const bytes = await readObject(store, key, { maxBytes: 16_384, signal });
    return toldSchema.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch (failure) {
    if (failure instanceof ObjectMissing || failure instanceof SyntaxError) return undefined;
    throw failure;
  }
}
