import { Failure } from '#model/failure';

/** What would be done now is not what was approved; nothing has been touched. */
export class PlanChanged extends Failure {
  readonly verdict = 'operator';
}
