/*
 * The errors of the integrations that our machines use, as Retry and Catch know them: the service, and the exception's
 * name in the SDK that Step Functions calls it with. What the service does not model has the service's own name.
 */

/** What a Retry may name, and has to: AWS says that it passes, or does not say more than that something failed. */
export const passingErrors: Readonly<Record<string, readonly string[]>> = {
  // https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
  lambda: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.ClientExecutionTimeoutException',
    'Lambda.TooManyRequestsException',
  ],
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
  // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
  ecs: [
    'ECS.AmazonECSException',
    'ECS.ServerException',
    'ECS.SdkClientException',
    'ECS.ThrottlingException',
    'AmazonECS.Unknown',
  ],
  // https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
  sns: [
    'SNS.AmazonSNSException',
    'SNS.SdkClientException',
    'SNS.InternalErrorException',
    'SNS.ThrottledException',
    'SNS.KMSThrottlingException',
  ],
  // https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html, which leaves the Exception out
  // https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
  states: [
    'StepFunctions.AWSStepFunctionsException',
    'StepFunctions.SdkClientException',
    'StepFunctions.ThrottlingException',
    'StepFunctions.ExecutionLimitExceededException',
    'StepFunctions.ExecutionLimitExceeded',
  ],
  // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html, which are all RdsException
  'rds.describe': ['Rds.RdsException', 'Rds.SdkClientException'],
  'rds.restore': ['Rds.RdsException', 'Rds.SdkClientException'],
  // a database that is backed up or changed just now takes no snapshot, and a cluster no instance:
  // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
  'rds.create': [
    'Rds.RdsException',
    'Rds.SdkClientException',
    'Rds.InvalidDbInstanceStateException',
    'Rds.InvalidDbClusterStateException',
  ],
};

/** What a Task calls, as these lists name it: `lambda`, `rds.create` of `aws-sdk:rds:createDBSnapshot`. */
export function serviceOf(resource: string): string {
  const [, service, verb] = /^aws-sdk:(\w+):([a-z]+)/.exec(resource) ?? [];
  return service === undefined ? resource.split(':')[0]! : `${service}.${verb}`;
}

/** What a Catch may name beside them. */
export const expectedErrors: Readonly<Record<string, readonly string[]>> = {
  states: ['StepFunctions.ExecutionAlreadyExistsException', 'StepFunctions.ExecutionAlreadyExists'],
  'rds.create': [
    'Rds.DbSnapshotAlreadyExistsException',
    'Rds.DbClusterSnapshotAlreadyExistsException',
    'Rds.DbInstanceAlreadyExistsException',
  ],
  'rds.restore': ['Rds.DbInstanceAlreadyExistsException', 'Rds.DbClusterAlreadyExistsException'],
};

/** Of our own functions: the bucket or a server did not answer, or somebody else is at work. */
export const ownPassingErrors = ['StoreUnavailable', 'ConnectionFailed', 'LeaseHeld'];
