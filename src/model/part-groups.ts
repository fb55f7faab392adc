import type { PartRange } from '#model/task-result';

export interface GroupLimits {
  /** about as many bytes as one task should read */
  groupBytes: number;
  maxGroups: number;
}

/** Ranges of parts with about the same bytes each, in order and without a gap; none when there are no parts. */
export function groupParts(partBytes: readonly number[], { groupBytes, maxGroups }: GroupLimits): PartRange[] {
  const total = partBytes.reduce((sum, bytes) => sum + bytes, 0);
  const count = Math.min(maxGroups, Math.max(1, Math.ceil(total / groupBytes)));
  const groups = new Map<number, PartRange>();
  let before = 0;
  for (const [index, bytes] of partBytes.entries()) {
    // the group in which the middle of the part lies; one without bytes at the end lies in the last
    const group = Math.min(count - 1, Math.floor(((before + bytes / 2) * count) / Math.max(total, 1)));
    const range = groups.get(group) ?? { from: index, to: index };
    groups.set(group, { from: range.from, to: index + 1 });
    before += bytes;
  }
  return [...groups.values()];
}
