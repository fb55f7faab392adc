import type { ChannelRest } from './channel-rest.ts';
import type { Clock } from './clock.ts';

/** One message on its way through one channel. */
export interface Delivery {
  /** the channel's name: letters, digits and `-` */
  channel: string;
  /** for people; no secret */
  label: string;
  /** One try. Stops when the signal says so; one that does not is left behind. */
  send(signal: AbortSignal): Promise<SendOutcome>;
  /** Called once, as soon as it was taken: other channels may still hang when this process is killed. Never rejects. */
  onTaken?(): Promise<void>;
}

/** How one try ended. Texts say no secret: no URL, no password, nothing that the other side answered. */
export type SendOutcome =
  /** `note`: what somebody should know although it was taken */
  | { taken: true; note?: string }
  /** `again`: the same may be taken later; `afterMs`: and not before, says the other side */
  | { taken: false; again: boolean; afterMs?: number; reason: string; hint?: string };

export type ChannelResult = { channel: string; label: string; tries: number } & (
  | { taken: true; note?: string }
  | { taken: false; reason: string; hint?: string }
);

export interface DeliverOptions {
  clock: Clock;
  /** between 0 and 1 */
  random(): number;
  /** channels that failed a moment ago are not waited for again */
  rest: ChannelRest;
  /** for one try */
  timeoutMs?: number;
  tries?: number;
  /** no try begins, and no pause is made, that would end later than this after the start */
  totalMs?: number;
}

/** Three tries of ten seconds and the pauses between them; AWS Lambda needs a timeout above `totalMs`. */
const deliverDefaults = { timeoutMs: 10_000, tries: 3, totalMs: 45_000 };

/**
 * Each channel by itself and all at once: one that fails or hangs holds up nobody else. Never rejects.
 *
 *     try --taken--> taken
 *      |  --no, for good--> failed
 *      |  --no, later--> pause (1 s, 2 s, …, or what the other side asks for) --> try
 *      |                 no time or tries left --> failed, and the channel rests for a while
 */
export function deliver(deliveries: readonly Delivery[], options: DeliverOptions): Promise<ChannelResult[]> {
  return Promise.all(deliveries.map((delivery) => deliverOne(delivery, { ...deliverDefaults, ...options })));
}

async function deliverOne(
  delivery: Delivery,
  { clock, random, rest, timeoutMs, tries, totalMs }: Required<DeliverOptions>,
): Promise<ChannelResult> {
  const { channel, label } = delivery;
  const endMs = clock.nowMs() + totalMs;
  for (let tried = 0; ; ) {
    const restMs = rest.leftMs(channel, clock.nowMs());
    if (restMs > 0 && tried === 0) {
      return {
        channel,
        label,
        tries: 0,
        taken: false,
        reason: `left alone for ${Math.ceil(restMs / 1_000)} s: ${rest.reason(channel)}`,
      };
    }
    const outcome = await tryOnce(delivery, timeoutMs, clock);
    tried += 1;
    if (outcome.taken) {
      rest.took(channel);
      await delivery.onTaken?.();
      return { channel, label, tries: tried, ...outcome };
    }
    const { again, reason, hint } = outcome;
    const pauseMs = Math.max(outcome.afterMs ?? 0, 1_000 * 2 ** (tried - 1) * (1 + random() / 4));
    if (again && tried < tries && clock.nowMs() + pauseMs + timeoutMs <= endMs) {
      await clock.pause(pauseMs);
      continue;
    }
    if (again) rest.failed(channel, clock.nowMs(), reason, outcome.afterMs);
    return { channel, label, tries: tried, taken: false, reason, ...(hint === undefined ? {} : { hint }) };
  }
}

async function tryOnce({ send }: Delivery, timeoutMs: number, clock: Clock): Promise<SendOutcome> {
  const controller = new AbortController();
  const over = new AbortController();
  const sent = send(controller.signal).catch((error: unknown) => unexpected(error));
  const late = clock.pause(timeoutMs, over.signal).then((): SendOutcome => {
    controller.abort();
    return { taken: false, again: true, reason: `no answer in ${Math.round(timeoutMs / 100) / 10} s` };
  });
  try {
    return await Promise.race([sent, late]);
  } finally {
    over.abort();
  }
}

/** A sender answers what went wrong. One that throws has a mistake, and its text may say anything: only its kind is told. */
const unexpected = (error: unknown): SendOutcome => ({
  taken: false,
  again: true,
  reason: `unexpected ${error instanceof Error ? error.name : 'failure'}`,
});
