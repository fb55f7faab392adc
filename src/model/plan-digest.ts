import { createHash } from 'node:crypto';

/** What tells the plan that a stack was deployed with from another one: SHA-256 of its text, hexadecimal. */
export const planDigest = (text: string): string => createHash('sha256').update(text).digest('hex');
