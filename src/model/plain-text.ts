/**
 * Text from outside as it may be shown: well-formed, without control characters (terminal escapes among them), without marks
 * that change the direction of reading, and cut at a whole character.
 */
export function plainText(text: string, maxChars: number): string {
  const shown = withoutTokens(text.slice(0, maxChars * 4).toWellFormed())
    .replace(/\r\n?/g, '\n')
    .replace(unshown, '');
  return clip(shown, maxChars);
}

/** The same in one line: nothing in it can look like another one. */
export const oneLine = (text: string, maxChars = 1_000): string =>
  plainText(text, maxChars).replace(/\s+/g, ' ').trim();

/** At most `maxChars` UTF-16 units, with `…` at the end of what was cut. */
export function clip(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const cut = text.slice(0, maxChars - 1);
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** All of Unicode's controls but tab and line feed; the marks of bidirectional text; line and paragraph separators. */
const unshown = /[\p{Cc}\u2028-\u202E\u2066-\u2069\uFEFF](?<![\t\n])/gu;

/**
 * Whoever has a task's token answers in an approver's place, so none is shown even where a machine hands over all it knows.
 * Tokens are the only runs of base64 of this length. https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
 */
const withoutTokens = (text: string): string =>
  text.replace(/[A-Za-z0-9+/_=-]{200,}/g, (run) => `[${run.length} characters left out]`);

/** Whether something was taken for a token, and left out: a long path looks like one, too. */
export const isCurtailed = (text: string): boolean => /\[\d+ characters left out\]/.test(text);
