/** How Lambda tells what a function threw. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
export interface LambdaError {
  errorType: string;
  errorMessage: string;
  trace: string[];
}

export function functionError(thrown: unknown): LambdaError {
  if (!(thrown instanceof Error)) return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  const { name, message, stack = '' } = thrown;
  return { errorType: name, errorMessage: message, trace: stack.split('\n') };
}
