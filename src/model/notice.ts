import { z } from 'zod';
import { type Occasion, occasions } from '#model/notification';
import { plainText } from '#model/plain-text';

/**
 * What people are told: flat JSON, published by state machines and by the watch, as an SNS message.
 *
 *     {"format":"lifeboat-notice/1","occasion":"failure","subject":"main","title":"…","what":"…"}
 *
 * Readers are lenient, because a failure that is not told is worse than one that is told badly: keys that are not known are
 * left out, texts that are too long are cut, optional ones may be null or absent, and `what` may be any JSON.
 */
export interface Notice {
  format: 'lifeboat-notice/1';
  occasion: Occasion;
  /** what it is about: mostly a source's name */
  subject: string;
  /** one line */
  title: string;
  /** what happened, with what is lost or at risk */
  what: string;
  /** ISO 8601, when that began */
  since: string | null;
  /** the exact command that comes next */
  todo: string | null;
  /** notices with the same key are about the same thing; null is never held back */
  dedupe: string | null;
  machine: string | null;
  /** ARN */
  execution: string | null;
  /** what was told as a failure under the same key is fine again */
  recovered: boolean;
  /** of a question that the execution asks: the hash of its plan, where the plan lets Slack's buttons answer; not there: where not */
  asks?: string;
}

/** As machines write it. */
export type NoticeInput = z.input<typeof noticeSchema>;

/** Together at most 170 KiB of UTF-8, below the 256 KiB of SNS and of a Step Functions state. */
export const noticeLimits = { line: 300, what: 20_000, command: 4_000, key: 500 };

const text = (maxChars: number) => z.string().transform((value) => plainText(value, maxChars));
const line = text(noticeLimits.line).transform((value) => value.replace(/\s+/g, ' ').trim());
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? null);

/** JSONata hands over what an error's Cause holds: text, or what was parsed of it. */
const anything = z
  .union([z.string(), z.number(), z.boolean(), z.array(z.unknown()), z.record(z.string(), z.unknown())])
  .transform((value) => plainText(typeof value === 'string' ? value : JSON.stringify(value), noticeLimits.what));

/** A time that is none says nothing, and must not keep the rest from being told. */
const instant = z.string().transform((value) => (Number.isNaN(Date.parse(value)) ? null : toIso(value)));

export const noticeSchema = z.object({
  format: z.literal('lifeboat-notice/1'),
  occasion: z.enum(occasions),
  subject: line.pipe(z.string().min(1)),
  title: line.pipe(z.string().min(1)),
  what: anything,
  since: optional(instant),
  todo: optional(text(noticeLimits.command)),
  dedupe: optional(text(noticeLimits.key)),
  machine: optional(line),
  execution: optional(line),
  recovered: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  asks: z.string().exactOptional(),
});

/** For publishing. @throws ZodError when it is none: a mistake of ours */
export const printNotice = (notice: NoticeInput): string => JSON.stringify(noticeSchema.parse(notice));

const toIso = (text: string): string => new Date(text).toISOString();
