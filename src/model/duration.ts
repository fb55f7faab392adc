import { InputInvalid } from '#model/failure';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^([1-9]\d{0,8})([smhd])$/;

export const durationAllowed = 'a whole number and a unit (s, m, h or d), like 30s, 15m, 1h or 7d';

export const isDuration = (text: string): boolean => pattern.test(text);

/** `15m` → 900,000 milliseconds. @throws InputInvalid */
export function parseDuration(text: string, field = 'duration'): number {
  const match = pattern.exec(text);
  if (!match) throw new InputInvalid(field, text, durationAllowed);
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

/** For people: the two largest units that are not zero, `1h 30m`; below ten seconds tenths, `0.4s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 9_950) return `${Math.max(0, Math.round(durationMs / 100) / 10)}s`;
  let restMs = Math.max(0, Math.round(durationMs / 1_000) * 1_000);
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(restMs / unitMs[unit]);
    restMs -= count * unitMs[unit];
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
}
