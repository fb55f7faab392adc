import { createHash } from 'node:crypto';
import { Refusal } from './refusal.ts';

/**
 * One page of a list. `kind` says which list: a token of another one is refused. What is added before a page meanwhile
 * makes some of it come twice, and nothing be left out.
 * @throws Refusal InvalidToken
 */
export function pageOf<T>(
  items: readonly T[],
  { kind, token, size }: { kind: string; token: string | undefined; size: number },
): { items: T[]; nextToken?: string } {
  const from = token === undefined ? 0 : readToken(token, kind);
  const page = items.slice(from, from + size);
  const next = from + page.length;
  return { items: page, ...(next < items.length && { nextToken: printToken(next, kind) }) };
}

const mark = (kind: string): string => createHash('sha256').update(kind).digest('hex').slice(0, 16);

const printToken = (from: number, kind: string): string => Buffer.from(`${mark(kind)} ${from}`).toString('base64url');

function readToken(token: string, kind: string): number {
  const [found, from] = Buffer.from(token, 'base64url').toString('utf8').split(' ');
  if (found === mark(kind) && /^\d{1,9}$/.test(from ?? '')) return Number(from);
  throw new Refusal('InvalidToken', "Invalid Token: 'Invalid nextToken'");
}
