import type { BackupId } from '#model/backup-id';
import type { DumpId } from '#model/dump-id';
import { formatTimeline, historyFileName, type Timeline } from '#model/timeline';

/** Where everything lies in the bucket (docs/format.md). Keys end in no slash, folders do. */
export const sourceFolder = (source: string): string => `${source}/`;
export const backupsFolder = (source: string): string => `${source}/backups/`;
export const backupFolder = (source: string, id: BackupId): string => `${backupsFolder(source)}${id}/`;

/** The commit point: a backup exists when this does. */
export const manifestKey = (source: string, id: BackupId): string => `${backupFolder(source, id)}manifest.json`;
/** A part, or one of the two objects below. */
export const backupObjectKey = (source: string, id: BackupId, name: string): string =>
  `${backupFolder(source, id)}${name}`;
export const indexName = 'index.jsonl';
/** PostgreSQL's own backup_manifest */
export const serverManifestName = 'backup_manifest.json';

export const walFolder = (source: string): string => `${source}/wal/`;
export const systemFolder = (source: string, systemId: string): string => `${walFolder(source)}${systemId}/`;
export const timelineFolder = (source: string, systemId: string, timeline: Timeline): string =>
  `${systemFolder(source, systemId)}${formatTimeline(timeline)}/`;
export const historyKey = (source: string, systemId: string, timeline: Timeline): string =>
  `${systemFolder(source, systemId)}${historyFileName(timeline)}`;

/** What the data key that is stored as `digest` (32 hexadecimal digits) was wrapped by later, one object for each key. */
export const keysFolder = (source: string): string => `${source}/keys/`;
export const rewrapsFolder = (source: string, digest: string): string => `${keysFolder(source)}${digest}/`;
export const rewrapKey = (source: string, digest: string, wrappingKey: string): string =>
  `${rewrapsFolder(source, digest)}${wrappingKey}.json`;

/** Dumps lie beside the backups; one exists when its manifest does. */
export const dumpsFolder = (source: string): string => `${source}/dumps/`;
export const dumpFolder = (source: string, id: DumpId): string => `${dumpsFolder(source)}${id}/`;
export const dumpManifestKey = (source: string, id: DumpId): string => `${dumpFolder(source, id)}manifest.json`;
export const dumpObjectKey = (source: string, id: DumpId, name: string): string => `${dumpFolder(source, id)}${name}`;
/** What pg_dumpall says of roles and tablespaces. */
export const globalsName = 'globals.sql';
/** `0003.dump.000000`: of the database with that place in the manifest. */
export const dumpPartName = (database: number, part: number): string =>
  `${String(database).padStart(4, '0')}.dump.${String(part).padStart(6, '0')}`;

/** The projection of a source's backups; can be rebuilt from what lies in their folders. */
export const catalogKey = (source: string): string => `catalog/${source}/backups.json`;

export const leaseKey = (source: string, work: string): string => `${source}/leases/${work}`;

/** What a snapshot of RDS was when it was taken; it lies in RDS itself. */
export const snapshotsFolder = (source: string): string => `${source}/snapshots/`;
export const snapshotKey = (source: string, snapshot: string): string => `${snapshotsFolder(source)}${snapshot}.json`;

/** 20261120T051345123Z: text order is time order. */
const compactTime = (at: Date): string => at.toISOString().replace(/[-:.]/g, '');

export const executionsFolder = 'executions/';
export const executionFolder = (machine: string, execution: string): string =>
  `${executionsFolder}${machine}/${execution}/`;
/** What a task of an execution leaves; `step` names it within the execution. */
export const taskResultKey = (machine: string, execution: string, step: string): string =>
  `${executionFolder(machine, execution)}${step}.json`;
/** The failures of a task's attempts begin with this, oldest first. */
export const taskFailurePrefix = (resultKey: string): string => `${resultKey.replace(/\.json$/, '')}.failure-`;
/** Why the attempt that began at that time failed. */
export const taskFailureKey = (resultKey: string, startedAt: Date): string =>
  `${taskFailurePrefix(resultKey)}${compactTime(startedAt)}.json`;

export const noticesFolder = 'notices/';
/** That a channel has taken a notice. */
export const noticeTakenKey = (notice: string, channel: string): string => `${noticesFolder}${notice}/${channel}.json`;
/** That a request of Slack came, by the digest of its signature: it counts once. */
export const slackRequestKey = (digest: string): string => `${noticesFolder}slack/${digest}.json`;
/** What was last told under a dedupe key, which is named by its digest. */
export const noticeToldKey = (digest: string): string => `catalog/notices/${digest}.json`;
/** How many notices a channel got lately. */
export const channelSpentKey = (channel: string): string => `catalog/notices/sent-${channel}.json`;

const catalogFolder = (source: string): string => `catalog/${source}/`;

/** What reading one object back said; `version` names the generation that was read. */
export const verifiedFolder = (source: string): string => `${catalogFolder(source)}verified/`;
export const verifiedKey = (source: string, key: string, version: string): string =>
  `${verifiedFolder(source)}${key.slice(sourceFolder(source).length)}-${version}.json`;
/** The projection of the WAL that was read back. */
export const verifiedWalKey = (source: string): string => `${catalogFolder(source)}wal.json`;

/** What reading a whole backup back said, and what its drills did, by the time at which they ended. */
export const verificationsFolder = (source: string): string => `${catalogFolder(source)}verifications/`;
export const verificationKey = (source: string, id: BackupId, at: Date): string =>
  `${verificationsFolder(source)}${id}/${compactTime(at)}.json`;
export const proofsFolder = (source: string): string => `${catalogFolder(source)}proofs/`;
export const proofKey = (source: string, id: BackupId, at: Date): string =>
  `${proofsFolder(source)}${id}/${compactTime(at)}.json`;
/** What restoring a dump showed, by the time at which it ended. */
export const dumpProofKey = (source: string, id: DumpId, at: Date): string =>
  `${catalogFolder(source)}dump-proofs/${id}/${compactTime(at)}.json`;
export const dumpProofsFolder = (source: string): string => `${catalogFolder(source)}dump-proofs/`;
/** The projection of a source's dumps and of what their restores showed. */
export const dumpCatalogKey = (source: string): string => `${catalogFolder(source)}dumps.json`;

/** That a backup or dump may not go, or may again; the newest counts. */
export const holdsFolder = (source: string): string => `${catalogFolder(source)}holds/`;
export const holdKey = (source: string, id: BackupId | DumpId, at: Date): string =>
  `${holdsFolder(source)}${id}/${compactTime(at)}.json`;

/** The projection of both. */
export const standingKey = (source: string): string => `${catalogFolder(source)}standing.json`;

/** The projection of what is measured every minute. */
export const exposureKey = (source: string): string => `${catalogFolder(source)}exposure.json`;

/** What RDS told last of a database. */
export const managedKey = (source: string): string => `${catalogFolder(source)}managed.json`;

/** What was last seen of a group that can fail over: since when its primary is gone, and what the witnesses say. */
export const failoverStandingKey = (group: string): string => `catalog/failover/${group}.json`;

/** Each time a question is asked once more it has the next number; the first one's name has none. */
export const approvalsFolder = 'approvals/';
export const approvalFolder = (machine: string, execution: string): string =>
  `${approvalsFolder}${machine}/${execution}/`;
export const questionKey = (machine: string, execution: string, number: number): string =>
  `${approvalFolder(machine, execution)}question${number === 1 ? '' : `-${number}`}.json`;
/** Each person's answer has the next place: `answer.json`, then `answer.2.json`, … to the first question. */
export const answerKey = (machine: string, execution: string, number: number, place = 1): string =>
  `${approvalFolder(machine, execution)}answer${number === 1 ? '' : `-${number}`}${place === 1 ? '' : `.${place}`}.json`;
/**
 * The token with which a question is answered, named by a SHA-256: apart from the questions, since few may read it, and without
 * a name of an execution in the key, so that no pattern of another right can match it.
 */
export const approvalTokensFolder = 'approval-tokens/';
export const approvalTokenKey = (digest: string): string => `${approvalTokensFolder}${digest}.json`;
/** The projection of the questions that wait for an answer. */
export const openQuestionsKey = 'catalog/approvals.json';

/** What was said of an incident, one object for each entry, by its number from 1. */
export const incidentsFolder = 'incidents/';
export const incidentFolder = (incident: string): string => `${incidentsFolder}${incident}/`;
export const incidentEntryKey = (incident: string, number: number): string =>
  `${incidentFolder(incident)}${String(number).padStart(6, '0')}.json`;
/** The projection of the incidents that are open, and of what people were told of them. */
export const openIncidentsKey = 'catalog/incidents.json';

export const evidenceFolder = 'evidence/';
export const evidenceKey = (sequence: number): string => `${evidenceFolder}${String(sequence).padStart(12, '0')}.json`;
/** How far it went on a day, signed. */
export const evidenceHeadsFolder = 'evidence-heads/';
export const evidenceHeadKey = (date: string): string => `${evidenceHeadsFolder}${date}.json`;
/** The projection of where the evidence ends. */
export const evidenceEndKey = 'catalog/evidence.json';
/** Under which number what has this id was recorded; `digest` is the SHA-256 of the id. */
export const evidenceIdKey = (digest: string): string => `catalog/evidence/${digest}.json`;
