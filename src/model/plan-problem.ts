import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import type { z } from 'zod';
import type { PlanFile } from '#model/plan-file';
import type { PlanProblem } from '#model/plan-invalid';

/** What a schema's issue means to the person who wrote the file. One issue can be about several unknown keys. */
export function planProblems(issue: z.core.$ZodIssue, file: PlanFile): PlanProblem[] {
  const at = (path: readonly PropertyKey[], message: string): PlanProblem => ({
    path: printPath(path),
    line: lineOf(file, path),
    message,
  });
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n');
    return issue.keys.map((key, index) => at([...issue.path, key], messages[index]!));
  }
  if (issue.code === 'invalid_key') {
    return [at(issue.path, `is not allowed as a name: expected ${issue.issues[0]?.message}`)];
  }
  const branch = issue.code === 'invalid_union' ? issue.errors.find(isAboutContent) : undefined;
  if (branch) {
    return branch.flatMap((inner) => planProblems({ ...inner, path: [...issue.path, ...inner.path] }, file));
  }
  const value = valueAt(file.content, issue.path);
  if (value === undefined) return [at(issue.path, `is missing: expected ${issue.message}`)];
  return [at(issue.path, `${found(value, issue)} is not allowed: expected ${issue.message}`)];
}

/** A union's branch that the value was meant for: nothing is wrong with the value's kind, only with what it holds. */
const isAboutContent = (issues: readonly z.core.$ZodIssue[]): boolean =>
  issues.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys');

/** The value, unless it may be a secret: one in a secret's place, or text where a whole section belongs (a URL?). */
function found(value: unknown, issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom' && issue.params?.secret === true) return 'its value (not shown, it may be a secret)';
  if (issue.code === 'invalid_type' && issue.expected !== 'boolean' && typeof value === 'string') return 'text';
  return printValue(value);
}

function printPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

/** The line of the deepest part of the path that the file has. */
function lineOf({ document, lines }: PlanFile, path: readonly PropertyKey[]): number {
  let offset = document.contents?.range?.[0] ?? 0;
  let node: unknown = document.contents;
  for (const part of path) {
    const step = enter(node, part, document);
    if (!step) break;
    offset = step.offset;
    node = step.node;
  }
  return Math.max(1, lines.linePos(offset).line);
}

function enter(node: unknown, part: PropertyKey, document: Document): { offset: number; node: unknown } | undefined {
  const target = isAlias(node) ? node.resolve(document) : node;
  if (isSeq(target)) {
    const item = target.items[Number(part)] as Node | undefined;
    return item?.range ? { offset: item.range[0], node: item } : undefined;
  }
  if (!isMap(target)) return undefined;
  const pair = target.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  const range = (pair?.key as Node | undefined)?.range;
  return pair && range ? { offset: range[0], node: pair.value } : undefined;
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  let value = content;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}

/** Short, on one line, and without the password of a URL or of libpq's key words written into the wrong field. */
function printValue(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return String(value);
  const shown = value.replace(/:[^/@\s]*@/g, ':***@').replace(/\b(\w*(?:passw|secret|token)\w*=)\S+/gi, '$1***');
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 77)}...` : shown);
}
