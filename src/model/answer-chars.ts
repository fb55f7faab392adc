/** What Step Functions hands from state to state is 256 KiB at most; this is for the words in it. */
const allBytes = 150_000;
/** around the words of one */
const besideBytes = 150;
/** of UTF-8, at worst */
const bytesPerChar = 4;

/**
 * How many letters of its failure each of so many may put into the answer that all of them have together. Everybody
 * is told the whole of it elsewhere.
 */
export const answerChars = (count: number, most: number): number =>
  Math.max(0, Math.min(most, Math.floor((allBytes / count - besideBytes) / bytesPerChar)));
