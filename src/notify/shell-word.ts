/** A word as a shell takes it, so that a command can be copied as it stands. */
export const shellWord = (word: string): string =>
  /^[\w.:@/+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
