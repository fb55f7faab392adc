import { InputInvalid } from '#model/failure';

const unitBytes: Readonly<Record<string, number>> = {
  ...{ B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, PiB: 2 ** 50 },
};

export const sizeAllowed = 'a number and a unit, like 500GB or 10TiB';
const pattern = /^(\d{1,9}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/;

export function isSize(text: string): boolean {
  const [, number = '', unit = ''] = pattern.exec(text) ?? [];
  return Number(number) * (unitBytes[unit] ?? Number.NaN) > 0;
}

/** `500GB` → 500,000,000,000 bytes; units of 1000 (GB) and of 1024 (GiB). @throws InputInvalid */
export function parseSize(text: string, field: string): number {
  const [, number = '', unit = ''] = pattern.exec(text) ?? [];
  const bytes = Number(number) * (unitBytes[unit] ?? Number.NaN);
  if (bytes > 0) return bytes;
  throw new InputInvalid(field, text, sizeAllowed);
}
