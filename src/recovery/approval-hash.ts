import { createHash } from 'node:crypto';
import type { RestoreRequest } from '#model/restore-request';

/**
 * What people approve: one recovery plan, by its own hash, together with the place it goes to, what happens to what lies
 * there, and everything else that was asked for. SHA-256, hexadecimal.
 */
export const approvalHash = (planHash: string, request: RestoreRequest): string =>
  createHash('sha256')
    .update(JSON.stringify([planHash, sorted(request)]))
    .digest('hex');

/** The same for the same content, in whatever order its keys come. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const entries = Object.entries(value).map(([key, one]) => [key, sorted(one)] as const);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}
