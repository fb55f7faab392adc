import { ConnectionFailed, type Failure, ServerUnsuitable } from '#model/failure';
import { awsFailure, type FailedCall } from './aws-failure.ts';

/**
 * What an error of the actions means that a database is moved by, where AWS's common ones do not say it. What passes by itself
 * is ConnectionFailed, for whoever tries again.
 */
export function databaseFailure(error: unknown, call: FailedCall): Failure {
  const { name, message } = error as Error;
  const passes = Object.hasOwn(passing, name) ? passing[name] : undefined;
  const hint = passes ?? (Object.hasOwn(hints, name) ? hints[name] : undefined);
  if (hint === undefined) return awsFailure(error, call);
  const { action, subject, place } = call;
  const what = `${place} refuses ${action} on ${subject}: ${name}: ${message.split('\n')[0]!.slice(0, 600)}`;
  const detail = { operation: action, subject, cause: error, hint };
  return passes === undefined ? new ServerUnsuitable(what, detail) : new ConnectionFailed(what, detail);
}

const noMachine = 'AWS has no such machine free in that zone: try again, or change its type';

const passing: Readonly<Record<string, string>> = {
  InternalServerError: 'AWS had a fault of its own: try again',
  InternalError: 'AWS had a fault of its own: try again',
  InsufficientInstanceCapacity: noMachine,
  InsufficientDBInstanceCapacityFault: noMachine,
};

const notReady = 'something else is done with it: look at its status and its events in the console, then try again';
const check = (field: string) => `check ${field} in the plan, and that it is in the region that the plan names`;
const gone = (what: string) =>
  `the ${what} is not there, or not of this VPC: make it again, or create the read replica by hand under the name in the plan`;
const quota = (what: string) => `ask AWS for a higher quota of ${what}, or free some; then try again`;
const inTheWay = (what: string) =>
  `Lifeboat asks for nothing of that: ${what} of the instance is in RDS's way; change it in the console, then try again`;
const request = 'AWS does not take the request: see what it says, and run it again with --verbose';

/**
 * By the SDK's names. https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html and what stands under Errors
 * with each action of RDS that is used
 */
const ofRds: Readonly<Record<string, string>> = {
  DBInstanceNotFoundFault: check('instance'),
  InvalidDBInstanceStateFault: notReady,
  InvalidDBClusterStateFault: notReady,
  InvalidDBClusterEndpointStateFault: notReady,
  DBInstanceAlreadyExistsFault: 'the name is taken: rename what has it, or name another one in the plan',
  AuthorizationNotFoundFault: check('fenceGroup'),
  DBSecurityGroupNotFoundFault: check('fenceGroup'),
  InvalidDBSecurityGroupStateFault: check('fenceGroup'),
  InvalidParameterCombination:
    'the security groups have to be of the VPC of the instance: check fenceGroup in the plan',
  InvalidParameterCombinationException: 'check fenceGroup in the plan: it has to be of the VPC of the instance',
  InvalidParameterValue: 'AWS does not take a value: check fenceGroup and the names in the plan',
  InvalidParameterValueException: 'AWS does not take a value: check fenceGroup and the names in the plan',
  InvalidVPCNetworkStateFault: gone('subnet group, or one of its zones,'),
  DBSubnetGroupNotFoundFault: gone('subnet group'),
  DBSubnetGroupDoesNotCoverEnoughAZs: gone('subnet group with two zones'),
  DBSubnetGroupNotAllowedFault: 'both sites lie in one region: name sites in two regions in the plan',
  InvalidDBSubnetGroupFault: gone('subnet group'),
  InvalidSubnet: gone('subnet group'),
  DBParameterGroupNotFoundFault: gone('parameter group'),
  OptionGroupNotFoundFault: gone('option group'),
  DomainNotFoundFault: inTheWay('the directory'),
  CertificateNotFoundFault: inTheWay('the certificate'),
  BackupPolicyNotFoundFault: inTheWay('the backup policy'),
  NetworkTypeNotSupported: inTheWay('the network type'),
  StorageTypeNotSupportedFault: inTheWay('the storage type'),
  ProvisionedIopsNotAvailableInAZFault: inTheWay('the provisioned IOPS'),
  DBUpgradeDependencyFailureFault: inTheWay('a pending upgrade'),
  TenantDatabaseQuotaExceededFault: inTheWay('the number of tenant databases'),
  VpcEncryptionControlViolationException: inTheWay('the encryption control of the VPC'),
  DBCapacityReservationNotFoundFault: inTheWay('the capacity reservation'),
  InvalidDBCapacityReservationStateFault: inTheWay('the capacity reservation'),
  InstanceQuotaExceededFault: quota('DB instances'),
  StorageQuotaExceededFault: quota('storage of RDS'),
  KMSKeyNotAccessibleFault:
    'the key has to be of the region of the instance, enabled, and its policy has to allow its use to whoever asks',
  // AddTagsToResource and RemoveTagsFromResource name all that can have tags; ours go to instances
  ...Object.fromEntries(
    [
      ...['BlueGreenDeployment', 'DBProxyEndpoint', 'DBProxy', 'DBProxyTargetGroup', 'DBShardGroup', 'DBSnapshot'],
      ...['DBSnapshotTenantDatabase', 'Integration', 'TenantDatabase'],
    ].map((what) => [`${what}NotFoundFault`, check('instance')]),
  ),
  GlobalClusterNotFoundFault: check('globalCluster'),
  DBClusterNotFoundFault: check('cluster'),
  InvalidGlobalClusterStateFault:
    'the global database is busy, or the versions of its clusters differ: look at its status in the console, then try again',
};

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const ofEc2: Readonly<Record<string, string>> = {
  'InvalidInstanceID.NotFound': check('control.instance'),
  'InvalidInstanceID.Malformed': check('control.instance'),
  IncorrectInstanceState: notReady,
  IncorrectState: notReady,
  OperationNotPermitted:
    'it is protected from being stopped (DisableApiStop), or another service owns it: allow it with aws ec2 modify-instance-attribute --no-disable-api-stop',
  UnsupportedOperation:
    'an instance with its root on an instance store, or of a spot request made once, cannot be stopped: use control kind sql',
  InstanceLimitExceeded: quota('running instances'),
  VcpuLimitExceeded: quota('vCPUs of running instances'),
};

/**
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html#API_SendCommand_Errors, and of ListCommands,
 * GetCommandInvocation
 */
const ofSystemsManager: Readonly<Record<string, string>> = {
  InvalidInstanceId:
    'Systems Manager does not manage the instance now: its agent has to run, with a role that lets it (AmazonSSMManagedInstanceCore)',
  DuplicateInstanceId: check('control.instance'),
  InvalidDocument: check('control.rebuildDocument'),
  InvalidDocumentVersion: check('control.rebuildDocument'),
  InvalidParameters: 'the document has to declare every parameter that it is given: compare them with what AWS says',
  UnsupportedPlatformType: 'the document is for another operating system than that of the instance',
  MaxDocumentSizeExceeded: 'make the document smaller: 64 KB at most',
  InvalidNotificationConfig: request,
  InvalidOutputFolder: request,
  InvalidRole: request,
  InvalidFilterKey: request,
  InvalidNextToken: request,
  InvalidCommandId: 'commands are forgotten after 30 days: start the rebuild again',
  InvalidPluginName: 'the document has to have one step, whose output is told: put its steps into one script',
};

/** https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetHealthCheckStatus.html */
const ofWitnesses: Readonly<Record<string, string>> = {
  NoSuchHealthCheck: 'check healthCheck in the plan',
  InvalidInput: 'check healthCheck in the plan',
};

const hints: Readonly<Record<string, string>> = { ...ofRds, ...ofEc2, ...ofSystemsManager, ...ofWitnesses };
