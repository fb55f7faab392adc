/* What AWS publishes to a topic, as its documentation shows it, with our names. */

const account = '123456789012';
const region = 'eu-central-1';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html */
export const alarmOf = (trigger: object, more: object = {}) => ({
  AlarmName: 'lifeboat-prod-rpo-main',
  AlarmDescription:
    'more could be lost than is promised\nIf the server died now, more than 60 s would be lost.\nTODO: lifeboat status --source main',
  AWSAccountId: account,
  AlarmConfigurationUpdatedTimestamp: '2026-11-19T10:01:02.345+0000',
  NewStateValue: 'ALARM',
  NewStateReason: 'Threshold Crossed: 5 datapoints [92.0 (20/11/26 05:08:00)] were greater than the threshold (60.0).',
  StateChangeTime: '2026-11-20T05:13:45.123+0000',
  Region: 'EU (Frankfurt)',
  AlarmArn: `arn:aws:cloudwatch:${region}:${account}:alarm:lifeboat-prod-rpo-main`,
  OldStateValue: 'OK',
  OKActions: [`arn:aws:sns:${region}:${account}:lifeboat-prod-failure`],
  AlarmActions: [`arn:aws:sns:${region}:${account}:lifeboat-prod-failure`],
  InsufficientDataActions: [],
  Trigger: {
    Period: 60,
    EvaluationPeriods: 5,
    ComparisonOperator: 'GreaterThanThreshold',
    Threshold: 60.0,
    TreatMissingData: 'ignore',
    EvaluateLowSampleCountPercentile: '',
    ...trigger,
  },
  ...more,
});

export const metricTrigger = (MetricName: string, source: string) => ({
  MetricName,
  Namespace: 'Lifeboat',
  StatisticType: 'Statistic',
  Statistic: 'MAXIMUM',
  Unit: null,
  Dimensions: [
    { value: 'lifeboat-prod', name: 'stack' },
    { value: source, name: 'source' },
  ],
});

/** Of an expression over several metrics. */
export const executionsTrigger = (machine: string) => ({
  Metrics: [
    { Expression: 'failed + timedOut + aborted', Id: 'ended', Label: 'ended', ReturnData: true },
    {
      Id: 'failed',
      MetricStat: {
        Metric: {
          Dimensions: [
            { value: `arn:aws:states:${region}:${account}:stateMachine:${machine}`, name: 'StateMachineArn' },
          ],
          MetricName: 'ExecutionsFailed',
          Namespace: 'AWS/States',
        },
        Period: 300,
        Stat: 'Sum',
      },
      ReturnData: false,
    },
  ],
});

export const executionArn = `arn:aws:states:${region}:${account}:execution:backup:full-main-20261120T020000Z`;

/** https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
export const executionEvent = (status: string, more: object = {}) => ({
  version: '0',
  id: '315c1398-40ff-a850-213b-158f73e60175',
  'detail-type': 'Step Functions Execution Status Change',
  source: 'aws.states',
  account,
  time: '2026-11-20T05:13:45Z',
  region,
  resources: [executionArn],
  detail: {
    executionArn,
    stateMachineArn: `arn:aws:states:${region}:${account}:stateMachine:backup`,
    name: 'full-main-20261120T020000Z',
    status,
    startDate: Date.parse('2026-11-20T02:00:00Z'),
    stopDate: Date.parse('2026-11-20T05:13:45Z'),
    input: '{}',
    output: null,
    inputDetails: { included: true },
    outputDetails: null,
    error: null,
    cause: null,
    ...more,
  },
});

const clusterArn = `arn:aws:ecs:${region}:${account}:cluster/lifeboat-prod`;
const taskArn = `arn:aws:ecs:${region}:${account}:task/lifeboat-prod/c13b4cb40f1f4fe4a2971f76ae5a47ad`;

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html */
export const taskEvent = (more: object = {}) => ({
  version: '0',
  id: '3317b2af-7005-947d-b652-f55e762e571a',
  'detail-type': 'ECS Task State Change',
  source: 'aws.ecs',
  account,
  time: '2026-11-20T05:13:45Z',
  region,
  resources: [taskArn],
  detail: {
    attachments: [],
    attributes: [{ name: 'ecs.cpu-architecture', value: 'arm64' }],
    availabilityZone: 'eu-central-1a',
    clusterArn,
    connectivity: 'CONNECTED',
    containers: [
      {
        containerArn: `${taskArn}/1`,
        exitCode: 1,
        lastStatus: 'STOPPED',
        name: 'task',
        image: `${account}.dkr.ecr.${region}.amazonaws.com/lifeboat:1`,
        runtimeId: 'c13b4cb40f1f4fe4a2971f76ae5a47ad-1',
        taskArn,
        networkInterfaces: [],
        cpu: '0',
      },
    ],
    cpu: '256',
    createdAt: '2026-11-20T05:00:00.000Z',
    desiredStatus: 'STOPPED',
    group: 'service:receive-wal-main',
    launchType: 'FARGATE',
    lastStatus: 'STOPPED',
    memory: '512',
    overrides: { containerOverrides: [{ name: 'task' }] },
    platformVersion: '1.4.0',
    startedAt: '2026-11-20T05:01:00.000Z',
    startedBy: 'ecs-svc/1234567890123456789',
    stoppedAt: '2026-11-20T05:13:45.000Z',
    stoppedReason: 'Essential container in task exited',
    stopCode: 'EssentialContainerExited',
    taskArn,
    taskDefinitionArn: `arn:aws:ecs:${region}:${account}:task-definition/receive-main:1`,
    updatedAt: '2026-11-20T05:13:45.000Z',
    version: 5,
    ...more,
  },
});

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html */
export const serviceEvent = (eventType: string, eventName: string, more: object = {}) => ({
  version: '0',
  id: 'af3c496d-f4a8-65d1-70f4-a69d52e9b584',
  'detail-type': 'ECS Service Action',
  source: 'aws.ecs',
  account,
  time: '2026-11-20T05:13:45Z',
  region,
  resources: [`arn:aws:ecs:${region}:${account}:service/lifeboat-prod/receive-wal-main`],
  detail: { eventType, eventName, clusterArn, createdAt: '2026-11-20T05:13:45.695Z', ...more },
});
