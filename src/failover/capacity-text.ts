/** A capacity as text, and whether a text is one. */
export const capacityText = (count: number): string => String(count);

/** @throws RangeError for what is no count */
export function parseCapacity(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`"${text}" is no count: expected a whole number`);
  return Number(text);
}

/** Whether somebody else has asked for less, or for something where nothing was wanted: a scaling policy, a person. */
export const wasPutBack = (wanted: number, asked: number): boolean => (wanted === 0 ? asked > 0 : asked < wanted);

/** Whether what runs is enough of it: more is, where something was wanted. */
export const isEnough = (wanted: number, runs: number): boolean => (wanted === 0 ? runs === 0 : runs >= wanted);
