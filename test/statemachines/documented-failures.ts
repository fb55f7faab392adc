import { type Json, StatesError } from '#local/integration';
import type { DocumentedFailure } from '#runbook/documented-failures';

export { type DocumentedFailure, documentedFailures } from '#runbook/documented-failures';

export const answerOf = ({ error, cause, answer }: DocumentedFailure): StatesError | { answer: Json } =>
  answer === undefined ? new StatesError(error, cause) : { answer };
