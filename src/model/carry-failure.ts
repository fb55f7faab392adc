import * as failures from '#model/failure';

/** A failure as plain data, to cross a thread, a process or a network. */
export interface CarriedFailure {
  name: string;
  message: string;
  operation?: string;
  subject?: string;
  hint?: string;
  sqlState?: string;
  stack?: string;
}

export function packFailure(error: unknown): CarriedFailure {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  const carried: CarriedFailure = { name, message, ...(stack === undefined ? {} : { stack }) };
  if (!(error instanceof failures.Failure)) return carried;
  const { operation, subject, hint } = error;
  const sqlState = error instanceof failures.ServerError ? { sqlState: error.sqlState } : {};
  return { ...carried, operation, subject, ...(hint === undefined ? {} : { hint }), ...sqlState };
}

/** The same failure again: its class, message and hint. What is not of the family comes back as a plain Error. */
export function unpackFailure(carried: CarriedFailure): Error {
  const error = remake(carried);
  if (carried.stack !== undefined) error.stack = carried.stack;
  return error;
}

type FailureClass = new (message: string, detail: failures.FailureDetail & { sqlState: string }) => failures.Failure;

function remake({ name, message, operation = '', subject = '', hint, sqlState = 'XX000' }: CarriedFailure): Error {
  // InputInvalid makes its message of a value, which was not carried.
  if (name === 'InputInvalid') {
    return Object.assign(new failures.InputInvalid(subject, undefined, '', hint), { message });
  }
  const Class = (failures as unknown as Record<string, FailureClass>)[name];
  if (!Class) return Object.assign(new Error(message), { name });
  return new Class(message, { operation, subject, sqlState, ...(hint === undefined ? {} : { hint }) });
}
