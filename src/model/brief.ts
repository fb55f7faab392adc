const maxItems = 20;

/** The same value with long texts cut and long lists ended: machines carry ids and a few words, not data. */
export function brief<T>(value: T, maxText = 500): T {
  return shorten(value, maxText) as T;
}

function shorten(value: unknown, maxText: number): unknown {
  if (typeof value === 'string') return value.length > maxText ? `${value.slice(0, maxText - 1)}…` : value;
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => shorten(item, maxText));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shorten(inner, maxText)]));
}
