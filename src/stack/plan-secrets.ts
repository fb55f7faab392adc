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
  if (names.length <= most) return names;
  const hint = 'put several into one secret of JSON, and name them as secret:NAME#field';
  throw new InputInvalid('plan', `${names.length} secrets`, `at most ${most} different ones of the same kind`, hint);
}

/**
 * Inline policies of a role have 10,240 characters in all.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
const most = 50;
