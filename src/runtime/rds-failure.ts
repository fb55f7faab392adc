import { type Failure, ServerUnsuitable } from '#model/failure';
import { awsFailure, type FailedCall } from './aws-failure.ts';

/** What an error of RDS means, where AWS's common ones do not say it. */
export function rdsFailure(error: unknown, call: FailedCall): Failure {
  const { name, message } = error as Error;
  const hint = hints[name];
  if (hint === undefined) return awsFailure(error, call);
  const what = `${call.place} refuses ${call.action} on ${call.subject}: ${name}: ${message}`;
  return new ServerUnsuitable(what, { operation: call.action, subject: call.subject, cause: error, hint });
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html#API_CopyDBSnapshot_Errors */
const hints: Readonly<Record<string, string>> = {
  KMSKeyNotAccessibleFault:
    "a copy of what is encrypted needs a key of its own region, and the right to use it: say copyTo.kmsKey in the plan, and let the key's policy allow it",
  SnapshotQuotaExceededFault:
    'say in the plan what is kept (retention), delete snapshots that nobody needs, or ask AWS for a higher quota',
  InvalidDBSnapshotStateFault: 'it is not ready yet: try again when it is available',
  InvalidDBClusterSnapshotStateFault: 'it is not ready yet: try again when it is available',
};
