import { createHash } from 'node:crypto';
import { Failure } from '#model/failure';
import { checkDefinition } from './check-definition.ts';
import type { Json } from './integration.ts';

/** A machine, or the part of one that a Map runs for each item and a Parallel for each branch. */
export interface StatesDefinition {
  StartAt: string;
  States: Record<string, StateDefinition>;
}

export interface MachineDefinition extends StatesDefinition {
  TimeoutSeconds?: number;
}

/** The fields of all types of states: those of other types are absent. Json may hold expressions at any depth. */
export interface StateDefinition {
  Type: 'Task' | 'Pass' | 'Choice' | 'Wait' | 'Succeed' | 'Fail' | 'Parallel' | 'Map';
  Next?: string;
  End?: boolean;
  Output?: Json;
  Assign?: Json;
  Arguments?: Json;
  Retry?: Retrier[];
  Catch?: Catcher[];
  Resource?: string;
  TimeoutSeconds?: Json;
  HeartbeatSeconds?: Json;
  Choices?: ChoiceRule[];
  Default?: string;
  Seconds?: Json;
  Timestamp?: Json;
  Error?: Json;
  Cause?: Json;
  Branches?: StatesDefinition[];
  Items?: Json;
  ItemSelector?: Json;
  /** of a DISTRIBUTED Map: names its child executions */
  Label?: string;
  ItemBatcher?: { MaxItemsPerBatch: Json; BatchInput?: Json };
  ItemProcessor?: StatesDefinition & { ProcessorConfig?: { Mode?: 'INLINE' | 'DISTRIBUTED' } };
  MaxConcurrency?: Json;
  ToleratedFailureCount?: Json;
  ToleratedFailurePercentage?: Json;
}

export interface Retrier {
  ErrorEquals: string[];
  IntervalSeconds?: number;
  MaxAttempts?: number;
  BackoffRate?: number;
  MaxDelaySeconds?: number;
  JitterStrategy?: 'FULL' | 'NONE';
}

export interface Catcher {
  ErrorEquals: string[];
  Next: string;
  Output?: Json;
  Assign?: Json;
}

export interface ChoiceRule {
  Condition: Json;
  Next: string;
  Output?: Json;
  Assign?: Json;
}

/** A machine that cannot be run here; the message lists what is wrong, and where. */
export class DefinitionInvalid extends Failure {
  readonly verdict = 'operator';
}

/** @throws DefinitionInvalid */
export function loadDefinition(definition: Json, machine: string): MachineDefinition {
  const problems = checkDefinition(definition);
  if (problems.length === 0) return definition as unknown as MachineDefinition;
  throw new DefinitionInvalid(`state machine ${machine} cannot be run: ${problems.join('; ')}`, {
    operation: 'load state machine',
    subject: machine,
    hint: `correct statemachines/${machine}.asl.json`,
  });
}

/** The same for the same machine, however its file is laid out and its members are ordered. */
export function hashDefinition(definition: Json): string {
  return createHash('sha256').update(canonical(definition)).digest('hex');
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key]!)}`);
  return `{${members.join(',')}}`;
}
