import { createHash } from 'node:crypto';

/**
 * A name for an execution that is the same whenever it is started for the same thing: at most 80 letters, as AWS wants.
 * Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
 */
export function executionName(...words: readonly string[]): string {
  const name = words.join('-').replace(/[^\w-]/g, '_');
  if (name.length <= 80) return name;
  return `${name.slice(0, 67)}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}
