import { machineArn, parseExecutionArn, stackOf } from '#model/arn';
import { StartFailed } from '#model/start-failed';
import type { FunctionWorld } from '#runtime/function-world';
import { executionStarterOf } from '#runtime/start-execution';

type World = Pick<FunctionWorld, 'environment' | 'executions'>;

/**
 * Whether an execution of this stack's machines has ended: what has, never goes on. False where nobody can say. `stack`: as `stackOf`
 * tells it, whose machines these are
 */
export async function hasEnded(world: World, execution: string, stack = stackHere(world)): Promise<boolean> {
  const named = parseExecutionArn(execution);
  if (!named || stackOf(execution) !== stack) return false;
  try {
    return !(await executionStarterOf(world).running(named.machine)).includes(named.name);
  } catch (failure) {
    if (failure instanceof StartFailed) return false;
    throw failure;
  }
}

const stackHere = ({ environment }: World): string =>
  (environment.LIFEBOAT_MACHINES ?? machineArn('')).replace(':stateMachine:', ':execution:');
