/** A machine, or the inside of a Map, as it stands in its file. */
export interface Scope {
  StartAt: string;
  ProcessorConfig?: { Mode?: string; ExecutionType?: string };
  States: Record<string, State>;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Rule {
  ErrorEquals?: string[];
  Next?: string;
  Assign?: Record<string, Json>;
  BackoffRate?: number;
  [field: string]: unknown;
}

export interface State {
  Type: string;
  Comment?: string;
  Next?: string;
  End?: boolean;
  Default?: string;
  Choices?: Rule[];
  Catch?: Rule[];
  Retry?: Rule[];
  Assign?: Record<string, Json>;
  Resource?: string;
  Arguments?: { [key: string]: Json } | string;
  TimeoutSeconds?: Json;
  HeartbeatSeconds?: Json;
  ItemProcessor?: Scope;
  Branches?: Scope[];
  [field: string]: unknown;
}

export interface Machine extends Scope {
  Comment?: string;
  QueryLanguage?: string;
  TimeoutSeconds?: Json;
}

/** Where a state leads, and what is assigned on the way there. */
export function targetsOf(state: State): { next: string; assign: string[]; from: string }[] {
  const own = Object.keys(state.Assign ?? {});
  const rule = (list: Rule[] | undefined, field: string) =>
    (list ?? []).map(({ Next, Assign }, index) => ({
      next: Next,
      assign: Object.keys(Assign ?? {}),
      from: `${field}[${index}]`,
    }));
  return [
    { next: state.Next, assign: own, from: 'Next' },
    { next: state.Default, assign: own, from: 'Default' },
    ...rule(state.Choices, 'Choices'),
    ...rule(state.Catch, 'Catch'),
  ].filter((target): target is { next: string; assign: string[]; from: string } => target.next !== undefined);
}

/** The scopes inside of a state. */
export const innerScopes = (state: State): Scope[] => [
  ...(state.ItemProcessor ? [state.ItemProcessor] : []),
  ...(state.Branches ?? []),
];

/** Every text in a value, with the path to it. */
export function* textsIn(value: unknown, path = ''): Generator<{ path: string; text: string }> {
  if (typeof value === 'string') yield { path, text: value };
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* textsIn(item, `${path}[${index}]`);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) yield* textsIn(inner, path === '' ? key : `${path}.${key}`);
  }
}
