import { Failure } from '#model/failure';

/** The command line itself is wrong: an unknown command or option, an argument too many or too few. */
export class UsageInvalid extends Failure {
  readonly verdict = 'operator';
  constructor(message: string, hint: string) {
    super(message, { operation: 'read command line', subject: 'arguments', hint });
  }
}
