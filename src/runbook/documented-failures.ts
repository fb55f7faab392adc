/**
 * What a call of a machine may be answered with instead of success, as AWS documents it: runbooks show it, and every machine
 * is tested with all of it.
 */
export interface DocumentedFailure {
  /** in the words of docs/failures.md */
  when: string;
  error: string;
  cause: string;
  /** whether Retry asks again, since it may pass by itself */
  passes: boolean;
  /** instead of the error */
  answer?: { Payload: string };
}

const lambda = (errorType: string, errorMessage: string) => JSON.stringify({ errorType, errorMessage, trace: [] });

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, connect-lambda.html and concepts-error-handling.html of Step Functions */
const ofLambda: DocumentedFailure[] = [
  passing('Lambda.ServiceException', 'Lambda is out of order', 'The AWS Lambda service encountered an internal error.'),
  passing('Lambda.AWSLambdaException', 'Lambda answers with anything else', 'Service Unavailable'),
  passing('Lambda.SdkClientException', 'Lambda does not answer', 'Unable to execute HTTP request: connect timed out'),
  passing('Lambda.ClientExecutionTimeoutException', 'Lambda answers too late', 'Client execution did not complete'),
  passing('Lambda.TooManyRequestsException', 'more functions run than the account may run', 'Rate Exceeded.'),
  passing(
    'StoreUnavailable',
    'the bucket does not answer, or asks for patience',
    lambda('StoreUnavailable', 'slow down'),
  ),
  passing('ConnectionFailed', 'another service does not answer', lambda('ConnectionFailed', 'connection reset')),
  lasting(
    'StoreRefused',
    'the bucket refuses the role, or its token has expired',
    lambda('StoreRefused', 'no right\nHINT: give it'),
  ),
  lasting('TypeError', 'the function has a bug', lambda('TypeError', 'x is not a function')),
  lasting('Lambda.ResourceNotFoundException', 'the function is gone', 'Function not found: arn:…'),
  lasting('Lambda.KMSDisabledException', 'the key of its environment is disabled', 'Lambda was unable to decrypt'),
  lasting('Lambda.Unknown', 'the function was killed without a word', 'The cause could not be determined'),
  lasting('Runtime.ExitError', 'it needed more memory than it has', lambda('Runtime.ExitError', 'signal: killed')),
  lasting(
    'Sandbox.Timedout',
    'it took longer than it may',
    lambda('Sandbox.Timedout', 'Task timed out after 60 seconds'),
  ),
  lasting('States.Timeout', 'the state took longer than it may', ''),
  lasting('Error', 'its error is so long that it comes without an end', '{"errorMessage": "it begins and does not'),
  {
    ...lasting('States.DataLimitExceeded', 'its answer is larger than 256 KiB', ''),
    answer: { Payload: 'x'.repeat(300 * 1024) },
  },
];

const task = (told: object, container: object): string =>
  JSON.stringify({ Containers: [{ Name: 'task', ...container }], ...told });
const exited = { StoppedReason: 'Essential container in task exited', StopCode: 'EssentialContainerExited' };
const notStarted = (StoppedReason: string) => task({ StoppedReason, StopCode: 'TaskFailedToStart' }, {});

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html, stopped-task-error-codes.html and api_failures_messages.html of its guide */
const ofEcs: DocumentedFailure[] = [
  passing('ECS.ServerException', 'ECS is out of order', 'Service Unavailable. Please try again later.'),
  passing('ECS.AmazonECSException', 'ECS answers with anything else', 'Rate exceeded (Service: AmazonECS)'),
  passing('ECS.SdkClientException', 'ECS does not answer', 'Unable to execute HTTP request: Read timed out'),
  passing('ECS.ThrottlingException', 'more tasks are begun than the account may begin', 'Rate exceeded'),
  passing('AmazonECS.Unknown', 'RunTask answers without an error that there is no room', failedTo('RESOURCE:MEMORY')),
  passing(
    'AmazonECS.Unknown',
    'the same of Fargate',
    failedTo('Capacity is unavailable at this time. Please try again later'),
  ),
  lasting('ECS.ClientException', 'the task definition is gone', 'TaskDefinition is inactive'),
  lasting(
    'ECS.InvalidParameterException',
    'the subnets or the security group are gone',
    'The subnet ID does not exist',
  ),
  lasting('ECS.ClusterNotFoundException', 'the cluster is gone', 'Cluster not found.'),
  lasting(
    'ECS.AccessDeniedException',
    'the role may not run or pass what it should',
    'not authorized to perform: iam:PassRole',
  ),
  lasting(
    'ECS.PlatformUnknownException',
    'Fargate has no such platform',
    'The specified platform version does not exist.',
  ),
  lasting('ECS.BlockedException', 'the account is blocked', 'Your account is currently blocked.'),
  lasting('States.TaskFailed', 'the task fails without a word', task(exited, { ExitCode: 1 })),
  lasting('States.TaskFailed', 'it cannot reach the bucket to say why', task(exited, { ExitCode: 5 })),
  lasting(
    'States.TaskFailed',
    'it is killed for its memory',
    task(exited, { ExitCode: 137, Reason: 'OutOfMemoryError: Container killed due to memory usage' }),
  ),
  lasting('States.TaskFailed', 'it is killed by something else', task(exited, { ExitCode: 137 })),
  lasting(
    'States.TaskFailed',
    'its Spot capacity is taken away',
    task({ StoppedReason: 'Your Spot Task was interrupted.', StopCode: 'SpotInterruption' }, { ExitCode: 143 }),
  ),
  lasting(
    'States.TaskFailed',
    'its host dies',
    task({ StoppedReason: 'Host EC2 (instance i-0) terminated.', StartedAt: 1 }, {}),
  ),
  lasting(
    'States.TaskFailed',
    'its image cannot be pulled',
    notStarted('CannotPullContainerError: pull image manifest has been retried 5 time(s)'),
  ),
  lasting(
    'States.TaskFailed',
    'its secrets cannot be read',
    notStarted('ResourceInitializationError: unable to pull secrets or registry auth'),
  ),
  lasting(
    'States.TaskFailed',
    'its network is not there in time',
    notStarted('Timeout waiting for network interface provisioning to complete.'),
  ),
  lasting('States.Timeout', 'it takes longer than it may', ''),
];

/** https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
const ofSns: DocumentedFailure[] = [
  passing('SNS.InternalErrorException', 'SNS is out of order', 'Internal Error'),
  passing('SNS.AmazonSNSException', 'SNS answers with anything else', 'Service Unavailable'),
  passing('SNS.SdkClientException', 'SNS does not answer', 'Unable to execute HTTP request'),
  passing('SNS.ThrottledException', 'more is published than the account may publish', 'Rate exceeded'),
  passing('SNS.KMSThrottlingException', 'the same of the topic’s key', 'Rate exceeded'),
  lasting('SNS.KMSDisabledException', 'the topic’s key is disabled', 'key is disabled'),
  lasting('SNS.KMSInvalidStateException', 'the topic’s key waits to be deleted', 'pending deletion'),
  lasting(
    'SNS.KMSAccessDeniedException',
    'the role may not use the topic’s key',
    'not authorized to perform: kms:GenerateDataKey',
  ),
  lasting('SNS.KMSNotFoundException', 'the topic’s key is gone', 'Key does not exist'),
  lasting(
    'SNS.AuthorizationErrorException',
    'the role may not publish, or its token has expired',
    'not authorized to perform: SNS:Publish',
  ),
  lasting('SNS.NotFoundException', 'the topic is gone', 'Topic does not exist'),
  lasting('SNS.InvalidParameterException', 'the notice is too long', 'Invalid parameter: Message too long'),
  lasting('States.Timeout', 'it takes longer than it may', ''),
];

/** https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html */
const ofStates: DocumentedFailure[] = [
  passing(
    'StepFunctions.AWSStepFunctionsException',
    'Step Functions answers with anything else',
    'Service Unavailable',
  ),
  passing('StepFunctions.SdkClientException', 'Step Functions does not answer', 'Unable to execute HTTP request'),
  passing('StepFunctions.ThrottlingException', 'more is started than the account may start', 'Rate exceeded'),
  passing(
    'StepFunctions.ExecutionLimitExceededException',
    'more executions run than the account may run',
    'The maximum number of running executions has been reached',
  ),
  passing(
    'StepFunctions.ExecutionLimitExceeded',
    'the same, as its guide has it',
    'The maximum number of running executions has been reached',
  ),
  lasting('StepFunctions.ExecutionAlreadyExistsException', 'an execution has the name', 'Execution Already Exists'),
  lasting('StepFunctions.ExecutionAlreadyExists', 'the same, as its guide would have it', 'Execution Already Exists'),
  lasting('StepFunctions.StateMachineDoesNotExistException', 'the machine is gone', 'State Machine Does Not Exist'),
  lasting(
    'StepFunctions.StateMachineDeletingException',
    'the machine is being deleted',
    'State machine is in the process of being deleted',
  ),
  lasting('StepFunctions.InvalidNameException', 'the name has letters that it may not have', 'Invalid Name'),
  lasting('StepFunctions.InvalidExecutionInputException', 'the input is too large', 'Invalid Execution Input'),
  lasting(
    'StepFunctions.AccessDeniedException',
    'the role may not start it',
    'not authorized to perform: states:StartExecution',
  ),
  lasting(
    'StepFunctions.KmsAccessDeniedException',
    'the role may not use the machine’s key',
    'not authorized to perform: kms:GenerateDataKey',
  ),
  lasting('States.Timeout', 'it takes longer than it may', ''),
];

const ended = (Status: string, told: object = {}): string =>
  JSON.stringify({ ExecutionArn: 'arn:…', Status, ...told, Input: '{}' });

/** https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html */
const ofStarted: DocumentedFailure[] = [
  lasting('States.TaskFailed', 'what it started failed', ended('FAILED', { Error: 'BackupDamaged', Cause: 'it rots' })),
  lasting('States.TaskFailed', 'what it started took too long', ended('TIMED_OUT')),
  lasting('States.TaskFailed', 'somebody stopped what it started', ended('ABORTED')),
];

const rdsPassing = [
  passing(
    'Rds.RdsException',
    'RDS asks for patience, is out of order, or refuses the role',
    'Rate exceeded (Service: Rds)',
  ),
  passing('Rds.SdkClientException', 'RDS does not answer', 'Unable to execute HTTP request: Read timed out'),
];

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html and API_DescribeDBInstances.html */
const ofRdsDescribe: DocumentedFailure[] = [
  ...rdsPassing,
  lasting('Rds.DbSnapshotNotFoundException', 'the snapshot is gone', 'DBSnapshot not found'),
  lasting('Rds.DbClusterSnapshotNotFoundException', 'the same of a cluster', 'DBClusterSnapshot not found'),
  lasting('Rds.DbInstanceNotFoundException', 'the instance is gone', 'DBInstance not found'),
  lasting('Rds.DbClusterNotFoundException', 'the cluster is gone', 'DBCluster not found'),
  lasting('States.Timeout', 'it takes longer than it may', ''),
];

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html, and of clusters and instances */
const ofRdsCreate: DocumentedFailure[] = [
  ...rdsPassing,
  passing('Rds.InvalidDbInstanceStateException', 'the instance is backed up or changed just now', 'not available'),
  passing('Rds.InvalidDbClusterStateException', 'the same of a cluster', 'not available'),
  lasting('Rds.DbInstanceNotFoundException', 'the instance is gone', 'DBInstance not found'),
  lasting('Rds.DbClusterNotFoundException', 'the cluster is gone', 'DBCluster not found'),
  lasting('Rds.SnapshotQuotaExceededException', 'there are as many snapshots as there may be', 'quota exceeded'),
  lasting('Rds.InstanceQuotaExceededException', 'there are as many instances as there may be', 'quota exceeded'),
  lasting('Rds.InsufficientDbInstanceCapacityException', 'there is no room for that class', 'no capacity'),
  lasting('Rds.KmsKeyNotAccessibleException', 'the key cannot be used', 'KMS key not accessible'),
  lasting('States.Timeout', 'it takes longer than it may', ''),
];

/** https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceToPointInTime.html, and of clusters and snapshots */
const ofRdsRestore: DocumentedFailure[] = [
  ...rdsPassing,
  lasting('Rds.PointInTimeRestoreNotEnabledException', 'there are no automated backups', 'not enabled'),
  lasting('Rds.InvalidRestoreException', 'the instant is outside of the window', 'cannot be restored'),
  lasting('Rds.InvalidDbInstanceStateException', 'the instance is changed just now', 'not available'),
  lasting('Rds.InvalidDbSnapshotStateException', 'the snapshot cannot be used', 'not available'),
  lasting('Rds.DbInstanceNotFoundException', 'the instance is gone', 'DBInstance not found'),
  lasting('Rds.DbSnapshotNotFoundException', 'the snapshot is gone', 'DBSnapshot not found'),
  lasting('Rds.DbClusterNotFoundException', 'the cluster is gone', 'DBCluster not found'),
  lasting('Rds.DbSubnetGroupNotFoundException', 'there is no such subnet group', 'not found'),
  lasting('Rds.InvalidVpcNetworkStateException', 'the security groups are of another network', 'VPC'),
  lasting('Rds.InvalidSubnetException', 'its subnets are gone', 'subnet'),
  lasting('Rds.InstanceQuotaExceededException', 'there are as many instances as there may be', 'quota exceeded'),
  lasting('Rds.StorageQuotaExceededException', 'there is as much storage as there may be', 'quota exceeded'),
  lasting('Rds.InsufficientDbInstanceCapacityException', 'there is no room for that class', 'no capacity'),
  lasting('Rds.KmsKeyNotAccessibleException', 'the key cannot be used', 'KMS key not accessible'),
  lasting('States.Timeout', 'it takes longer than it may', ''),
];

/** By the service that a Task calls. */
export const documentedFailures: Readonly<Record<string, readonly DocumentedFailure[]>> = {
  lambda: ofLambda,
  ecs: ofEcs,
  sns: ofSns,
  states: ofStates,
  'states.sync': [...ofStates, ...ofStarted],
  'rds.describe': ofRdsDescribe,
  'rds.create': ofRdsCreate,
  'rds.restore': ofRdsRestore,
};

function passing(error: string, when: string, cause: string): DocumentedFailure {
  return { when, error, cause, passes: true };
}

function lasting(error: string, when: string, cause: string): DocumentedFailure {
  return { when, error, cause, passes: false };
}

function failedTo(Reason: string): string {
  return JSON.stringify({
    Tasks: [],
    Failures: [{ Arn: 'arn:aws:ecs:eu-central-1:123456789012:container-instance/x', Reason }],
  });
}
