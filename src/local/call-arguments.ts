import type { z } from 'zod';
import { StatesError, type TaskCall } from './integration.ts';

/** A state's Arguments as the service takes them. @throws StatesError States.Runtime, which nothing retries or catches */
export function readArguments<T>(schema: z.ZodType<T>, { resource, arguments: given }: TaskCall): T {
  const outcome = schema.safeParse(given);
  if (outcome.success) return outcome.data;
  const what = outcome.error.issues.map(({ path, message }) => `${path.join('.') || 'Arguments'}: ${message}`);
  throw new StatesError('States.Runtime', `${resource} cannot be called with these Arguments: ${what.join('; ')}`);
}
