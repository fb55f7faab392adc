import { InputInvalid } from '#model/failure';
import type { SecretReference } from '#model/secret-reference';

/** All references to secrets in a part of a plan. */
export function secretReferences(part: unknown): SecretReference[] {
  if (typeof part !== 'object' || part === null) return [];
  const { from } = part as { from?: unknown };
  // an e-mail has a `from`, too
  if (from === 'env' || from === 'file' || from === 'secret') return [part as SecretReference];
  return Object.values(part).flatMap(secretReferences);
}

/**
 * The names of all secrets of Secrets Manager in a part of a plan, each once.
 * @throws InputInvalid for more than one role's policy has room for
 */
export function secretNames(part: unknown): string[] {
  const named = secretReferences(part).flatMap((reference) => (reference.from === 'secret' ? [reference.name] : []));
  const names = [...new Set(named)].sort();
  const chars = names.reduce((sum, name) => sum + arnChars + name.length, 0);
  if (chars <= mostChars) return names;
  const hint =
    'put several into one secret of JSON, and name them as secret:NAME#field; or split the plan over two stages';
  throw new InputInvalid(
    'plan',
    `${names.length} secrets`,
    `as many as one role's policy has room for, about 70`,
    hint,
  );
}

/**
 * Inline policies of a role have 10,240 characters in all, of which the largest has 2,500 without secrets. Around each name stand
 * `arn:…:secret:`, `-??????`, quotation marks and a comma.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const mostChars = 7_500;
const arnChars = 75;
