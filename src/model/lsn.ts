import { InputInvalid } from '#model/failure';

/** A position in the write-ahead log: bytes since the beginning, 64 bits. Printed as PostgreSQL does: `16/B374D848`. */
export type Lsn = bigint & { readonly unit: 'lsn' };

export const lsn = (bytes: bigint): Lsn => bytes as Lsn;

/** @throws InputInvalid when the text is not `hex/hex` of at most 8 digits each. */
export function parseLsn(text: string, field = 'lsn'): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) throw new InputInvalid(field, text, 'two hexadecimal numbers with a slash, like 16/B374D848');
  return lsn((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`));
}

export function formatLsn(position: Lsn): string {
  return `${(position >> 32n).toString(16).toUpperCase()}/${(position & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

export const advance = (position: Lsn, bytes: number | bigint): Lsn => lsn(position + BigInt(bytes));

export const compareLsn = (a: Lsn, b: Lsn): number => (a < b ? -1 : a > b ? 1 : 0);

export const maxLsn = (a: Lsn, b: Lsn): Lsn => (a > b ? a : b);
