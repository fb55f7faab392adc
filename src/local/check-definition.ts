import { checkFields } from './check-fields.ts';
import { checkGraph } from './check-graph.ts';
import { checkLiterals } from './check-literals.ts';
import { checkQueries } from './check-queries.ts';
import type { Json } from './integration.ts';
import { variablesBefore } from './outer-variables.ts';

/**
 * What keeps a machine from being run here, each with its state and field; nothing when it can be. This is what the
 * interpreter relies on, not all that is wise: that is for the machines' own tests.
 */
export function checkDefinition(definition: Json): string[] {
  const problems: string[] = [];
  if (!isObject(definition)) return ['the definition is not a JSON object'];
  if (definition.QueryLanguage !== 'JSONata')
    problems.push(`QueryLanguage is ${name(definition.QueryLanguage)}: expected "JSONata" at the top of the machine`);
  checkSeconds(definition.TimeoutSeconds, 'TimeoutSeconds', problems);
  for (const field of Object.keys(definition).filter((field) => !fields.includes(field)))
    problems.push(`${field} is not a field of a machine: expected ${fields.join(', ')}`);
  if (definition.Version !== undefined && definition.Version !== '1.0')
    problems.push(`Version is ${name(definition.Version)}: expected "1.0"`);
  checkStates(definition, { where: '', outer: new Set(), seen: new Set(), problems });
  return problems;
}

type Members = { [key: string]: Json };

const fields = ['Comment', 'QueryLanguage', 'StartAt', 'TimeoutSeconds', 'Version', 'States'];

interface Around {
  /** what begins each message */
  where: string;
  /** variables of the scopes around: to be read, not to be assigned */
  outer: ReadonlySet<string>;
  /** names of states so far */
  seen: Set<string>;
  problems: string[];
}

function checkStates(scope: Members, { where, outer, seen, problems }: Around): void {
  const states = scope.States;
  if (!isObject(states) || Object.keys(states).length === 0) {
    problems.push(`${where}States is not an object with a state in it`);
    return;
  }
  const before = problems.length;
  if (typeof scope.StartAt !== 'string' || !Object.hasOwn(states, scope.StartAt))
    problems.push(`${where}StartAt names ${name(scope.StartAt)}: expected one of ${Object.keys(states).join(', ')}`);
  for (const [key, state] of Object.entries(states)) {
    const at = `${where}state ${key}: `;
    if (!isObject(state)) problems.push(`${at}is not an object`);
    else
      checkState(state, {
        at,
        states,
        outer,
        within: () => new Set([...outer, ...variablesBefore(key, states)]),
        seen,
        problems,
      });
  }
  // what is wrong within would be said twice
  if (problems.length === before) problems.push(...checkGraph(scope.StartAt, states, where, seen));
}

interface Place {
  /** what begins each message */
  at: string;
  states: Members;
  /** variables of the scopes around this one: to be read, not to be assigned */
  outer: ReadonlySet<string>;
  /** those of the scopes within it */
  within(): ReadonlySet<string>;
  seen: Set<string>;
  problems: string[];
}

const ends = new Set(['Succeed', 'Fail']);
const types = new Set(['Task', 'Pass', 'Choice', 'Wait', 'Parallel', 'Map', ...ends]);

function checkState(state: Members, place: Place): void {
  const { at, problems, outer } = place;
  if (typeof state.Type !== 'string' || !types.has(state.Type)) {
    problems.push(`${at}Type is ${name(state.Type)}: expected ${[...types].join(', ')}`);
    return;
  }
  if (state.QueryLanguage !== undefined && state.QueryLanguage !== 'JSONata')
    problems.push(`${at}QueryLanguage is ${name(state.QueryLanguage)}: only JSONata is run here`);
  checkFields(state, at, problems);
  checkLiterals(state, at, problems);
  for (const { Assign } of [state, ...rules(state.Choices), ...rules(state.Catch)])
    if (Assign !== undefined && !isObject(Assign)) problems.push(`${at}Assign is not an object of variables`);
  for (const variable of assignedNames(state)) {
    if (!variableName.test(variable)) problems.push(`${at}Assign sets $${variable}, which is no name of a variable`);
    if (variable === 'states') problems.push(`${at}Assign sets $states, which is reserved`);
    if (outer.has(variable)) problems.push(`${at}Assign sets $${variable}, a variable of an outer scope`);
  }
  checkQueries(state, at, problems);
  checkNext(state, place);
  checkOfType(state, place);
}

/** Most letters of the world, then their digits and _ too. */
const variableName = /^\p{ID_Start}\p{ID_Continue}{0,79}$/u;

function checkNext(state: Members, { at, states, problems }: Place): void {
  const targets = rules(state.Catch).map((rule, at) => [`Catch[${at}]/Next`, rule.Next]);
  if (state.Type === 'Choice') {
    targets.push(...rules(state.Choices).map((rule, at) => [`Choices[${at}]/Next`, rule.Next]));
    if (state.Default !== undefined) targets.push(['Default', state.Default]);
  } else if (!ends.has(state.Type as string)) {
    if (state.End !== true) targets.push(['Next', state.Next]);
    else if (state.Next !== undefined) problems.push(`${at}has both Next and End`);
  }
  for (const [field, target] of targets) {
    if (typeof target !== 'string' || !Object.hasOwn(states, target))
      problems.push(`${at}${field} names ${name(target)}, which is no state beside it`);
  }
}

function checkOfType(state: Members, place: Place): void {
  const { at, problems, within, seen } = place;
  if (state.Type === 'Task' && typeof state.Resource !== 'string') problems.push(`${at}Resource is missing`);
  if (state.Type === 'Choice' && rules(state.Choices).length === 0) problems.push(`${at}Choices is missing or empty`);
  if (state.Type === 'Wait' && (state.Seconds === undefined) === (state.Timestamp === undefined))
    problems.push(`${at}expected either Seconds or Timestamp`);
  if (state.Type === 'Parallel') {
    if (!Array.isArray(state.Branches) || state.Branches.length === 0)
      problems.push(`${at}Branches is missing or empty`);
    rules(state.Branches).forEach((branch, index) => {
      checkStates(branch, { where: `${at}Branches[${index}]: `, outer: within(), seen, problems });
    });
  }
  if (state.Type === 'Map') checkMap(state, place);
}

function checkMap({ ItemProcessor: processor, ItemBatcher: batcher }: Members, place: Place): void {
  const { at, problems, within, seen } = place;
  if (!isObject(processor)) {
    problems.push(`${at}ItemProcessor is missing`);
    return;
  }
  const config = isObject(processor.ProcessorConfig) ? processor.ProcessorConfig : {};
  const distributed = config.Mode === 'DISTRIBUTED';
  if (!distributed && config.Mode !== undefined && config.Mode !== 'INLINE')
    problems.push(`${at}ItemProcessor/ProcessorConfig/Mode is ${name(config.Mode)}: expected INLINE or DISTRIBUTED`);
  if (distributed !== ['STANDARD', 'EXPRESS'].includes(config.ExecutionType as string))
    problems.push(
      `${at}ItemProcessor/ProcessorConfig/ExecutionType is ${name(config.ExecutionType)}: expected STANDARD or EXPRESS of a DISTRIBUTED Map, nothing of an INLINE one`,
    );
  if (batcher !== undefined && !(distributed && isObject(batcher) && canBatch(batcher)))
    problems.push(`${at}ItemBatcher: only MaxItemsPerBatch and BatchInput of a DISTRIBUTED Map are supported here`);
  const outer = distributed ? new Set<string>() : within();
  checkStates(processor, { where: `${at}ItemProcessor: `, outer, seen, problems });
}

const canBatch = ({ MaxItemsPerBatch: most, BatchInput: _, ...others }: Members): boolean =>
  most !== undefined && Object.keys(others).length === 0;

function checkSeconds(seconds: Json | undefined, field: string, problems: string[]): void {
  if (seconds !== undefined && !(typeof seconds === 'number' && seconds > 0))
    problems.push(`${field} is ${name(seconds)}: expected a number of seconds`);
}

const isObject = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const rules = (list: Json | undefined): Members[] => (Array.isArray(list) ? list.filter(isObject) : []);

/** The variables that a state assigns, on whichever way it is left. */
function assignedNames(state: Json): string[] {
  if (!isObject(state)) return [];
  const places = [state, ...rules(state.Choices), ...rules(state.Catch)];
  return places.flatMap(({ Assign }) => (isObject(Assign) ? Object.keys(Assign) : []));
}

const name = (value: Json | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value));
