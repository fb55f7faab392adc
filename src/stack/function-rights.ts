import type { Plan } from '#model/plan';
import {
  applicationSecrets,
  healthSecrets,
  settingSecrets,
  siteSecrets,
  systemHealthSecrets,
  trafficSecrets,
} from '#stack/moved-secrets';

/** Whose executions hold the lease under which a source's primary is moved: it is free when they have ended. */
const moversOfPrimaries = ['failback', 'failover', 'system-recovery'];

/**
 * What each function may do, beside writing to its own log and traces: the least that its code needs, by the keys that it
 * uses in the bucket. test/stack/roles.test.ts and test/stack/bundles.test.ts hold the code to it.
 */
export const functionRights: Readonly<Record<string, FunctionRights>> = {
  // what the machines ask
  'plan-backup': { get: ['*/backups/*/manifest.json', 'catalog/*/backups.json'], list: ['*/backups/'] },
  'check-lease': { get: ['*/leases/backup', '*/leases/dump'] },
  'confirm-backup': {
    get: ['executions/*', '*/backups/*/manifest.json', 'catalog/*/backups.json'],
    secrets: ['metrics'],
  },
  'undo-backup': {
    get: ['*/backups/*/manifest.json', 'catalog/*/backups.json'],
    put: ['*/leases/backup'],
    list: ['*/backups/'],
  },
  'task-result': { get: ['executions/*'] },
  'task-failure': { get: ['executions/*'] },
  'record-evidence': { put: ['evidence/*', 'catalog/evidence.json', 'catalog/evidence/*'] },
  'plan-verify': { ...choosing() },
  'plan-scrub': { ...choosing() },
  'plan-retention': { ...expiring('catalog/*/verified/*'), put: ['executions/retention/*'] },
  'check-retention': expiring('executions/retention/*'),
  'conclude-verify': {
    get: ['executions/*', '*/backups/*/manifest.json', 'catalog/*/backups.json'],
    put: ['catalog/*/verifications/*', 'catalog/*/standing.json'],
    secrets: ['metrics'],
  },
  'plan-drill': { ...planning() },
  'conclude-drill': {
    get: ['executions/*', '*/backups/*/manifest.json', 'catalog/*/backups.json', 'catalog/*/wal.json'],
    put: ['catalog/*/proofs/*', 'catalog/*/standing.json'],
    secrets: ['metrics'],
  },
  'plan-dump': { ...dumping() },
  'confirm-dump': {
    get: ['executions/*', '*/dumps/*/manifest.json', 'catalog/*/dump-proofs/*'],
    put: ['catalog/*/dumps.json'],
    secrets: ['metrics'],
  },
  'conclude-dump': {
    get: ['executions/*', '*/dumps/*/manifest.json'],
    put: ['catalog/*/dump-proofs/*', 'catalog/*/dumps.json'],
    secrets: ['metrics'],
  },
  'undo-dump': { ...dumping(), put: ['*/leases/dump'] },
  'plan-restore': { ...planning() },
  'recheck-restore': { ...planning() },
  // what RDS is asked by
  'plan-snapshot': {},
  'copy-snapshot': { rds: 'copies' },
  'record-snapshot': { put: ['*/snapshots/*'], rds: 'looks' },
  'plan-rds-restore': { rds: 'looks' },
  'expire-snapshots': { get: ['catalog/approvals.json'], put: ['executions/retention/*'], rds: 'deletes' },
  'ask-approval': { ...asking(), put: [...asking().put!, 'approval-tokens/*'], publishes: ['QuestionTopic'] },
  'answer-approval': { ...asking(), publishes: ['QuestionTopic'] },
  // what Slack asks, where the plan has it
  'slack-answer': {
    ...asking(),
    put: [...asking().put!, 'notices/slack/*'],
    publishes: ['QuestionTopic'],
    secrets: ['slack'],
  },

  // what moves a primary, where the plan has groups
  'plan-failover': { ...planningMoves(), put: ['catalog/failover/*'] },
  'recheck-failover': {
    ...planningMoves(),
    put: ['catalog/failover/*', '*/leases/failover'],
    asksWhatRuns: moversOfPrimaries,
  },
  'fence-primary': { ...moving('failover'), sites: 'fences', secrets: [siteSecrets], inNetwork: true },
  'promote-standby': { ...moving('failover'), sites: 'promotes', secrets: [siteSecrets], inNetwork: true },
  'move-traffic': {
    ...planningMoves(),
    put: moving('failover').put!,
    get: [...planningMoves().get!, 'catalog/failover/*'],
    traffic: 'moves',
  },
  'check-health': { secrets: [healthSecrets], inNetwork: true },
  'check-standby': { sites: 'looks', secrets: [siteSecrets], inNetwork: true },
  'plan-failback': { sites: 'looks', secrets: [siteSecrets], inNetwork: true },
  'end-failover': { put: ['*/leases/failover', 'catalog/failover/*'] },

  // what brings a system back, where the plan has systems
  'plan-system': { ...planningSystem(), get: [...planning().get!, 'catalog/*/standing.json'] },
  'recheck-system': { ...planningSystem(), put: ['*/leases/failover'], asksWhatRuns: moversOfPrimaries },
  'move-applications': {
    ...moving('system-recovery'),
    ...{ applications: 'moves', secrets: [applicationSecrets], inNetwork: true },
  },
  'put-system-settings': {
    ...moving('system-recovery'),
    ...{ settings: 'moves', secrets: [settingSecrets], inNetwork: true },
  },
  'undo-system-recovery': {
    get: ['executions/system-recovery/*'],
    put: ['*/leases/failover'],
    ...{ applications: 'moves', settings: 'moves', secrets: [applicationSecrets, settingSecrets], inNetwork: true },
  },
  'check-system-health': { secrets: [systemHealthSecrets], inNetwork: true },
  'end-system-recovery': { put: ['*/leases/failover'] },
  // nothing that is deployed has a server to start: src/stack/deployable-plan.ts
  'start-restored-server': {},

  // what events ask
  'checksum-verifier': {
    get: ['*/backups/*', '*/wal/*', '*/keys/*'],
    put: ['catalog/*/verified/*', 'catalog/*/wal.json', 'catalog/*/verifications/*', 'catalog/*/standing.json'],
    list: ['*/keys/*'],
    opensKeys: true,
    secrets: ['metrics'],
    asynchronous: true,
  },
  'metadata-indexer': {
    get: ['*/backups/*/manifest.json', '*/wal/*', 'catalog/*/verified/*'],
    put: ['catalog/*/backups.json', 'catalog/*/wal.json', 'catalog/*/verifications/*', 'catalog/*/standing.json'],
    asynchronous: true,
  },
  tell: {
    // what died could not record it
    put: ['notices/*', 'catalog/notices/*', 'evidence/*', 'catalog/evidence.json', 'catalog/evidence/*'],
    publishes: 'as the plan says',
    secrets: ['notifications'],
    asynchronous: true,
  },

  // what the clock asks
  'sign-evidence': {
    get: ['evidence/*'],
    put: ['evidence-heads/*', 'catalog/evidence.json'],
    signs: true,
    asynchronous: true,
  },
  'start-scheduled': { starts: ['backup', 'drill', 'dump', 'rds-snapshot', 'retention', 'scrub'], asynchronous: true },
  'tell-incidents': {
    get: ['incidents/*'],
    put: ['catalog/incidents.json', 'notices/*', 'evidence/*', 'catalog/evidence.json', 'catalog/evidence/*'],
    publishes: 'to contacts, too',
    secrets: ['notifications', 'incidents'],
  },
  'watch-managed': {
    get: ['catalog/*/dumps.json'],
    put: ['catalog/*/managed.json'],
    rds: 'looks',
    publishes: ['FailureTopic'],
    secrets: ['metrics'],
  },
  'watch-failover': {
    get: ['*/leases/failover'],
    put: ['catalog/failover/*'],
    publishes: ['FailureTopic'],
    sites: 'looks',
    witnesses: true,
    traffic: 'names',
    secrets: [siteSecrets],
    proposes: ['failover'],
    asksWhatRuns: moversOfPrimaries,
    inNetwork: true,
  },
  watch: {
    get: ['*/backups/*', '*/wal/*', 'catalog/*/backups.json', 'catalog/*/dumps.json', 'catalog/*/standing.json'],
    put: ['catalog/*/exposure.json', 'catalog/*/wal.json'],
    list: ['*/wal/*'],
    publishes: ['FailureTopic'],
    secrets: ['sources', 'metrics'],
    inNetwork: true,
  },
};

export interface FunctionRights {
  /** keys in the bucket, as patterns of IAM, where `*` also stands for slashes */
  get?: readonly string[];
  /** who puts may also get: conditions are decided by what is there */
  put?: readonly string[];
  /** prefixes of listings */
  list?: readonly string[];
  /** opens the data keys of backups and WAL */
  opensKeys?: true;
  /** signs the evidence, with the key that the plan names */
  signs?: true;
  /** to topics of the stack; or to those of the plan's notifications, and of its contacts in incidents */
  publishes?: readonly TopicName[] | 'as the plan says' | 'to contacts, too';
  /** reads the secrets in these parts of the plan */
  secrets?: readonly (keyof Plan | ((plan: Plan) => unknown))[];
  /** asks RDS about the plan's databases; or copies their snapshots, or deletes those of ours, too */
  rds?: 'looks' | 'copies' | 'deletes';
  /** looks at the servers of groups; or also fences the old primary, or promotes the new one */
  sites?: 'looks' | 'fences' | 'promotes';
  /** asks the witnesses of groups */
  witnesses?: true;
  /** looks at the names of groups, or at all that follows a primary; or also moves it */
  traffic?: 'names' | 'reads' | 'moves';
  /** looks at applications of systems; or also changes them */
  applications?: 'reads' | 'moves';
  /** the same of their settings */
  settings?: 'reads' | 'moves';
  /** reads backups in the bucket of the other region, which has a copy of them */
  copies?: true;
  /** machines whose waiting states it answers, where they are deployed */
  answers?: readonly string[];
  /** machines that it starts, unless they run */
  starts?: readonly string[];
  /** machines that it starts under a name that is only taken once */
  proposes?: readonly string[];
  /** machines of which it asks what runs, where they are deployed */
  asksWhatRuns?: readonly string[];
  /** runs in the stack's subnets */
  inNetwork?: true;
  /** what it could not do, however often it was tried, is left in DeadLetters */
  asynchronous?: true;
}

export type TopicName = 'FailureTopic' | 'QuestionTopic' | 'SuccessTopic';

/** Knows which backups there are, and what is known of them. */
function choosing(): FunctionRights {
  return {
    get: ['*/backups/*/manifest.json', 'catalog/*/backups.json', 'catalog/*/standing.json'],
    list: ['*/backups/'],
  };
}

/** Knows which dumps there are, and what is known of them. */
function dumping(): FunctionRights {
  return {
    get: ['*/dumps/*/manifest.json', 'catalog/*/dumps.json', 'catalog/*/dump-proofs/*'],
    list: ['*/dumps/'],
  };
}

/** Knows what of a source stays, by its catalog and by what is listed; nothing of it is decrypted. */
function expiring(...more: string[]): FunctionRights {
  return {
    get: [
      ...['*/backups/*/manifest.json', '*/dumps/*/manifest.json', '*/leases/backup', '*/leases/dump'],
      ...['backups.json', 'standing.json', 'wal.json', 'dumps.json', 'dump-proofs/*', 'holds/*'].map(
        (name) => `catalog/*/${name}`,
      ),
      ...['catalog/approvals.json', ...more],
    ],
    list: ['*/backups/*', '*/dumps/*', '*/wal/*'],
  };
}

/** Reads what is stored, and the WAL in which a transaction or a name is looked for. */
function planning(): FunctionRights {
  return {
    get: ['*/backups/*/manifest.json', '*/wal/*', '*/keys/*', 'catalog/*/backups.json', 'catalog/*/wal.json'],
    list: ['*/backups/*', '*/wal/*', '*/keys/*'],
    opensKeys: true,
  };
}

/** The bucket's policy lets nobody else read the tokens with which questions are answered (src/stack/token-readers.ts). */
function asking(): FunctionRights {
  return {
    get: ['approval-tokens/*'],
    put: ['approvals/*', 'catalog/approvals.json'],
    answers: ['failover', 'rds-restore', 'restore', 'retention', 'system-recovery'],
  };
}

/** Knows what a move depends on: servers, witnesses, what follows the primary, and what is stored of its source. */
function planningMoves(): FunctionRights {
  return {
    get: [
      ...['*/backups/*/manifest.json', 'evidence/*', 'catalog/evidence.json'],
      ...['backups.json', 'exposure.json', 'standing.json'].map((name) => `catalog/*/${name}`),
    ],
    list: ['*/backups/', '*/wal/*'],
    ...{ sites: 'looks', witnesses: true, traffic: 'reads', copies: true },
    secrets: [siteSecrets, trafficSecrets],
    inNetwork: true,
  };
}

/** Changes something in an execution that holds leases, and remembers what was before. */
function moving(machine: string): FunctionRights {
  return { put: [`executions/${machine}/*`, '*/leases/failover'] };
}

/** Plans the restores of several sources, and looks whether what stands on them can be changed. */
function planningSystem(): FunctionRights {
  return {
    ...planning(),
    ...{ applications: 'reads', settings: 'reads', secrets: [applicationSecrets, settingSecrets], inNetwork: true },
  };
}
