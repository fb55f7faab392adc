import { InputInvalid } from '#model/failure';

export const maxKeyBytes = 1024;

/** @throws InputInvalid for a key that is empty, longer than 1,024 bytes, or not expressible in UTF-8. */
export function checkKey(key: string): void {
  if (key === '' || !key.isWellFormed() || Buffer.byteLength(key) > maxKeyBytes) {
    throw new InputInvalid('key', key, `1 to ${maxKeyBytes} bytes of UTF-8`);
  }
}

/** The same for the prefix of a listing, which may be empty; that of `folders` has to end a path element. */
export function checkPrefix(prefix: string, ending: 'anywhere' | 'at an element' = 'anywhere'): void {
  if (prefix !== '') checkKey(prefix);
  if (ending === 'at an element' && prefix !== '' && !prefix.endsWith('/')) {
    throw new InputInvalid('prefix', prefix, 'a prefix that is empty or ends in /');
  }
}

/**
 * The order of a listing: by the bytes of UTF-8, which is the order of code points. JavaScript compares UTF-16
 * units, and there surrogates (code points from 0x10000) sort before 0xe000 to 0xffff.
 */
export function compareKeys(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800;
  return unit >= 0xd800 ? unit + 0x2000 : unit;
}
