import { parseExecutionArn } from '#model/arn';
import { InputInvalid } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { taskResultKey } from '#store/bucket-layout';

/** Which step of which execution started a task, and where its result belongs. */
export interface TaskCall {
  /** the execution's ARN */
  execution: string;
  executionName: string;
  /** names this task within its execution */
  step: string;
  resultKey: string;
}

/** What ECS takes as overrides of a container, all together. */
const maxInputBytes = 8192;

/**
 * Who calls: LIFEBOAT_EXECUTION (the execution's ARN) and LIFEBOAT_RESULT (`executions/<machine>/<name>/<step>.json`).
 * @throws InputInvalid when they are missing, malformed or of different executions
 */
export function readCall(environment: Environment): TaskCall {
  const { LIFEBOAT_EXECUTION: execution, LIFEBOAT_RESULT: resultKey } = environment;
  const named = parseExecutionArn(execution ?? '');
  if (execution === undefined || !named) {
    throw new InputInvalid('LIFEBOAT_EXECUTION', execution, "an execution's ARN");
  }
  const step = /^executions\/[^/]+\/[^/]+\/([\w-]{1,80})\.json$/.exec(resultKey ?? '')?.[1];
  if (resultKey === undefined || step === undefined || resultKey !== taskResultKey(named.machine, named.name, step)) {
    const allowed = taskResultKey(named.machine, named.name, '<step>');
    throw new InputInvalid('LIFEBOAT_RESULT', resultKey, `${allowed}, with the step in letters, digits, - and _`);
  }
  return { execution, executionName: named.name, step, resultKey };
}

/** LIFEBOAT_INPUT, as JSON. @throws InputInvalid */
export function readInputText({ LIFEBOAT_INPUT: text }: Environment): unknown {
  if (text === undefined) throw new InputInvalid('LIFEBOAT_INPUT', undefined, "the task's input as JSON");
  const bytes = Buffer.byteLength(text);
  if (bytes > maxInputBytes) {
    throw new InputInvalid(
      'LIFEBOAT_INPUT',
      `${bytes} bytes`,
      `at most ${maxInputBytes} bytes, pass keys and not data`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new InputInvalid('LIFEBOAT_INPUT', text, 'JSON');
  }
}
