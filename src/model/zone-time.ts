/**
 * Times of a wall, as milliseconds that would be those of UTC: `Date.UTC(2026, 9, 25, 2, 30)` is half past two on the 25th of
 * October, wherever that wall is. Zones are those of the IANA database that Node has.
 */

/** What a clock in this zone shows at this instant. */
export const wallTime = (instant: number, timezone: string): number => instant + offsetMs(instant, timezone);

/**
 * When a clock in this zone shows that time. A time that comes twice (the clocks went back) is meant the first time;
 * undefined for one that never comes (they went forward).
 */
export function instantOf(wall: number, timezone: string): number | undefined {
  // no zone changes twice within two days, so one of these holds
  const offsets = [offsetMs(wall - dayMs, timezone), offsetMs(wall + dayMs, timezone)];
  const instants = offsets.map((offset) => wall - offset).filter((instant) => wallTime(instant, timezone) === wall);
  return instants.length === 0 ? undefined : Math.min(...instants);
}

const dayMs = 86_400_000;

/** How far the zone's clocks are ahead of UTC at this instant; in milliseconds. */
function offsetMs(instant: number, timezone: string): number {
  if (timezone === 'UTC') return 0;
  const [month, day, year, hour, minute, second] = clockOf(timezone).format(instant).match(/\d+/g)!.map(Number);
  const wall = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  return wall - Math.floor(instant / 1000) * 1000;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** To make one takes a hundred times as long as to ask it. */
function clockOf(timeZone: string): Intl.DateTimeFormat {
  const known = clocks.get(timeZone);
  if (known) return known;
  const numeric = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  const clock = new Intl.DateTimeFormat('en-US', { ...numeric, second: 'numeric', hourCycle: 'h23', timeZone });
  clocks.set(timeZone, clock);
  return clock;
}
