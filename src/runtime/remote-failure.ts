import { Failure, type Verdict } from '#model/failure';

/** A function or machine failed with one of our failures, which kept its name on the way here. */
export class RemoteFailure extends Failure {
  readonly verdict: Verdict = 'operator';
  constructor(name: string, message: string, subject: string, hint: string | undefined) {
    super(message, { operation: 'ask', subject, ...(hint === undefined ? {} : { hint }) });
    this.name = name;
  }
}

/** A failure's message carries its hint in a last line. */
export function splitHint(text: string): { message: string; hint: string | undefined } {
  const at = text.lastIndexOf('\nHINT: ');
  return at < 0 ? { message: text, hint: undefined } : { message: text.slice(0, at), hint: text.slice(at + 7) };
}
