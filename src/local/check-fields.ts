import type { Json } from './integration.ts';

type Members = { [key: string]: Json };

const common = ['Type', 'Comment', 'QueryLanguage'];
const action = ['Assign', 'Output', 'Retry', 'Catch', 'Next', 'End'];
const mapFields = ['Items', 'ItemSelector', 'ItemBatcher', 'ItemProcessor', 'MaxConcurrency', 'Label'];

/** The fields of each type in JSONata. https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html */
const fieldsOf: Record<string, string[]> = {
  Task: [...action, 'Resource', 'Arguments', 'TimeoutSeconds', 'HeartbeatSeconds'],
  Parallel: [...action, 'Branches', 'Arguments'],
  Map: [...action, ...mapFields, 'ToleratedFailureCount', 'ToleratedFailurePercentage'],
  Pass: ['Assign', 'Output', 'Next', 'End'],
  Wait: ['Seconds', 'Timestamp', 'Assign', 'Output', 'Next', 'End'],
  Choice: ['Choices', 'Default', 'Assign', 'Output'],
  Succeed: ['Output'],
  Fail: ['Error', 'Cause'],
};
const ofRules: Record<string, string[]> = {
  Choices: ['Condition', 'Next', 'Assign', 'Output', 'Comment'],
  Catch: ['ErrorEquals', 'Next', 'Assign', 'Output', 'Comment'],
  Retry: [
    ...['ErrorEquals', 'MaxAttempts', 'IntervalSeconds', 'BackoffRate', 'MaxDelaySeconds', 'JitterStrategy'],
    'Comment',
  ],
};

/** Fields of JSONPath states, and what is not done here; silently ignored they would change what a machine does. */
const ofJsonPath = ['InputPath', 'OutputPath', 'ResultPath', 'ResultSelector', 'Parameters', 'Result', 'Iterator'];
const notDone = ['ItemReader', 'ResultWriter', 'Credentials'];

/** Fields that AWS refuses in a state of this type, and those that are not done here. */
export function checkFields(state: Members, at: string, problems: string[]): void {
  for (const field of Object.keys(state)) {
    const problem = problemOf(field, [...common, ...fieldsOf[state.Type as string]!]);
    if (problem) problems.push(`${at}${problem}`);
  }
  for (const [list, fields] of Object.entries(ofRules)) {
    const rules = state[list];
    if (!Array.isArray(rules)) continue;
    rules.forEach((rule, index) => {
      for (const field of Object.keys(rule ?? {})) {
        const problem = problemOf(field, fields);
        if (problem) problems.push(`${at}${list}[${index}]/${problem}`);
      }
    });
  }
}

function problemOf(field: string, known: readonly string[]): string | undefined {
  if (known.includes(field)) return undefined;
  if (ofJsonPath.includes(field) || /^\w+Path$/.test(field))
    return `${field} is a field of JSONPath: only JSONata is run here`;
  if (notDone.includes(field)) return `${field} is not supported here`;
  return `${field} is not a field of it: expected ${known.join(', ')}`;
}
