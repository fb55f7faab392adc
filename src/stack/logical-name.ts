import { createHash } from 'node:crypto';

/**
 * A source's name as part of CloudFormation's logical ids, which have letters and digits only: `orders-eu` is `OrdersEu`.
 * Where that could be another source's too (`a-1` and `a1`), digits of the name's SHA-256 tell them apart.
 */
export function logicalName(source: string): string {
  const pascal = source.replaceAll(/(?:^|-+)([a-z0-9]|$)/g, (_, letter: string) => letter.toUpperCase());
  const isPlain = /^[a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*$/.test(source);
  return isPlain ? pascal : pascal + createHash('sha256').update(source).digest('hex').slice(0, 12);
}
