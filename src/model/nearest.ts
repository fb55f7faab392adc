import { closest, distance } from 'fastest-levenshtein';

/** The known word that a mistyped one most likely meant; undefined when none is near enough to be worth saying. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const candidate = closest(word.toLowerCase(), known as string[]);
  return distance(word.toLowerCase(), candidate) <= Math.max(2, Math.floor(word.length / 3)) ? candidate : undefined;
}
