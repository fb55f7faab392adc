/**
 * The sizes of an Auto Scaling group. Nothing below its minimum can be asked for, so a minimum that is in the way is lowered, and
 * what it was is kept in a tag of the group itself, `lifeboat:min-size`: it is there after a crash, for whoever undoes it, and
 * after a year. Once so many instances are asked for again, the minimum is put back and the tag goes.
 */
export const minimumTag = 'lifeboat:min-size';

export interface Sizes {
  /** what the minimum is to be */
  minimum: number;
  /** what the tag has to say before the minimum is changed; undefined: as it is */
  keep: number | undefined;
  /** whether the tag goes once the minimum is so */
  forget: boolean;
}

/** `kept`: by the tag; undefined: there is none */
export function sizesFor({
  desired,
  minimum,
  kept,
}: {
  desired: number;
  minimum: number;
  kept: number | undefined;
}): Sizes {
  // a minimum that is lowered a second time is still ours
  if (desired < minimum) return { minimum: desired, keep: Math.max(minimum, kept ?? 0), forget: false };
  if (kept === undefined) return { minimum, keep: undefined, forget: false };
  // somebody has raised it above ours since: then it is theirs
  if (desired >= kept) return { minimum: Math.max(minimum, kept), keep: undefined, forget: true };
  return { minimum, keep: undefined, forget: false };
}

/** undefined: no tag, or one that says nothing */
export function keptMinimum(tags: Readonly<Record<string, string>>): number | undefined {
  const text = tags[minimumTag];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
