import { isExpression } from './expression.ts';
import type { Json } from './integration.ts';
import { timeOfTimestamp } from './timestamp.ts';

type Members = { [key: string]: Json };
/** least and most, both allowed */
type Range = readonly [least: number, most: number];

const longest = 99_999_999;
const most = Number.MAX_SAFE_INTEGER;
const ofStates: Record<string, Range> = {
  TimeoutSeconds: [1, longest],
  HeartbeatSeconds: [1, longest],
  Seconds: [0, longest],
  MaxConcurrency: [0, most],
  ToleratedFailureCount: [0, most],
};
const ofRetriers: Record<string, Range> = {
  IntervalSeconds: [0, longest],
  MaxAttempts: [0, longest],
  MaxDelaySeconds: [1, 31_622_400],
};

/** Values of fields for which AWS takes no machine. Those of expressions are judged when they are there. */
export function checkLiterals(state: Members, at: string, problems: string[]): void {
  const say: Say = (field, value, expected) => {
    problems.push(`${at}${field} is ${JSON.stringify(value) ?? 'nothing'}: expected ${expected}`);
  };
  const literals = Object.fromEntries(Object.entries(state).filter(([, value]) => !isExpression(value)));
  checkWholes(literals, ofStates, say);
  const { ToleratedFailurePercentage: percentage, Timestamp, TimeoutSeconds, HeartbeatSeconds } = literals;
  if (percentage !== undefined && !isWithin(percentage, [0, 100]))
    say('ToleratedFailurePercentage', percentage, 'a number from 0 to 100');
  if (Timestamp !== undefined && !(typeof Timestamp === 'string' && timeOfTimestamp(Timestamp) !== undefined))
    say('Timestamp', Timestamp, 'a time like 2026-01-31T12:00:00Z');
  if (typeof TimeoutSeconds === 'number' && isWithin(HeartbeatSeconds, [TimeoutSeconds, longest]))
    say('HeartbeatSeconds', HeartbeatSeconds, `less than TimeoutSeconds, ${TimeoutSeconds}`);
  for (const field of ['Retry', 'Catch']) checkRules(state[field], field, say);
}

type Say = (field: string, value: Json | undefined, expected: string) => void;

function checkRules(rules: Json | undefined, field: string, say: Say): void {
  if (rules === undefined) return;
  if (!Array.isArray(rules)) say(field, rules, 'a list');
  const list = Array.isArray(rules) ? rules : [];
  list.forEach((rule, index) => {
    const members = typeof rule === 'object' && rule !== null && !Array.isArray(rule) ? rule : {};
    const { ErrorEquals: names, BackoffRate: rate, JitterStrategy: jitter } = members;
    const sayOf: Say = (name, value, expected) => say(`${field}[${index}]/${name}`, value, expected);
    if (!Array.isArray(names) || names.length === 0) sayOf('ErrorEquals', names, 'names of errors');
    else if (names.includes('States.ALL') && (names.length > 1 || index < list.length - 1))
      sayOf('ErrorEquals', names, 'States.ALL to stand alone, in the last rule');
    checkWholes(members, ofRetriers, sayOf);
    if (rate !== undefined && !isWithin(rate, [1, Number.MAX_VALUE])) sayOf('BackoffRate', rate, 'a number from 1');
    if (jitter !== undefined && jitter !== 'FULL' && jitter !== 'NONE') sayOf('JitterStrategy', jitter, 'FULL or NONE');
  });
}

function checkWholes(members: Members, ranges: Record<string, Range>, say: Say): void {
  for (const [field, range] of Object.entries(ranges)) {
    const value = members[field];
    if (value !== undefined && !(Number.isInteger(value) && isWithin(value, range)))
      say(field, value, `a whole number from ${range.join(' to ')}`);
  }
}

const isWithin = (value: Json | undefined, [least, most]: Range): boolean =>
  typeof value === 'number' && value >= least && value <= most;
