/**
 * When a Timestamp of a Wait state is, as epoch milliseconds; nothing when it is none that AWS reads: a day that there
 * is, a time and an offset, in small letters too, and without seconds.
 */
export function timeOfTimestamp(text: string): number | undefined {
  const time = pattern.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  return Number.isFinite(time) ? time : undefined;
}

const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/i;

/** JavaScript takes the 30th of February for one of March. */
const isDay = (date: string): boolean =>
  Number.isFinite(Date.parse(date)) && new Date(date).toISOString().startsWith(date);
