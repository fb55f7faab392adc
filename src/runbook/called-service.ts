import type { State } from '#runbook/machine';

export interface CalledService {
  /** as documented-failures.ts has it: `lambda`, `states.sync`, `rds.create` */
  service: string;
  /** in the words of people */
  what: string;
  /** somebody else answers it, or its end is waited for */
  waits: 'answer' | 'end' | null;
}

/** What a Task calls. */
export function calledBy({ Resource = '', Arguments }: State): CalledService {
  const [, integration = '', mode = ''] =
    /^arn:aws:states:::([\w:-]+?)(\.sync.*|\.waitForTaskToken)?$/.exec(Resource) ?? [];
  const [, sdk, verb] = /^aws-sdk:(\w+):([a-z]+)/.exec(integration) ?? [];
  const called = sdk === undefined ? integration.split(':')[0]! : `${sdk}.${verb}`;
  const waits = mode === '.waitForTaskToken' ? 'answer' : mode === '' ? null : 'end';
  const service = called === 'states' && waits === 'end' ? 'states.sync' : called;
  return { service, what: describe(called, integration, Arguments), waits };
}

function describe(called: string, integration: string, given: unknown): string {
  const name = placeholderIn(given, called === 'ecs' ? 'TaskArn' : called === 'sns' ? 'TopicArn' : 'Arn');
  const what: Record<string, string> = { lambda: 'function', ecs: 'task', sns: 'notice to', states: 'machine' };
  const kind = what[called];
  return kind === undefined
    ? integration.replace('aws-sdk:', '')
    : [kind, name].filter((word) => word !== undefined).join(' ');
}

/** `${PlanRestoreFunctionArn}` → `plan-restore` */
function placeholderIn(given: unknown, ending: string): string | undefined {
  const [, name] =
    new RegExp(`\\$\\{(\\w+?)(?:Function|Machine|StateMachine)?${ending}\\}`).exec(JSON.stringify(given ?? '')) ?? [];
  return name?.replace(/(?<=[a-z0-9])([A-Z])/g, '-$1').toLowerCase();
}
