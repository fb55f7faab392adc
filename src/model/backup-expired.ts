import { Failure } from '#model/failure';

/** Retention has removed what was being looked at: that it is not there says nothing about it. */
export class BackupExpired extends Failure {
  readonly verdict = 'permanent';
}
