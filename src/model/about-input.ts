/**
 * What a child execution or a task is about, by its input: the name of a source, the names of the sources of a lane, or the
 * step of a verification; undefined where the input does not say.
 */
export function aboutInput(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null) return undefined;
  const { item, step, wal, parts, source, sources } = input as Record<string, unknown>;
  if (item !== undefined) return aboutInput(item);
  if (typeof step === 'string') return `step ${step}`;
  if (typeof wal === 'boolean') return `step ${stepOf(parts, wal)}`;
  if (Array.isArray(sources)) return namesOf(sources.flatMap((one) => aboutInput(one) ?? []));
  return typeof source === 'string' ? source : undefined;
}

/** As verifySteps calls it. */
function stepOf(parts: unknown, wal: boolean): string {
  const range = parts as { from: number; to: number } | null | undefined;
  if (!range) return 'wal';
  return wal ? 'all' : `parts-${range.from}-${range.to}`;
}

function namesOf(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`;
}
