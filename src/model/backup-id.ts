import { z } from 'zod';
import { InputInvalid } from '#model/failure';

/** `20261120T051345123Z-full`: when it began (UTC, milliseconds) and what it is; text order is time order. */
export type BackupId = string & { readonly unit: 'backup id' };

export const backupKinds = ['full', 'incr'] as const;
/** full: everything; incr: the blocks that changed since the parent */
export type BackupKind = (typeof backupKinds)[number];

const pattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-(full|incr)$/;

export function backupId(startedAt: Date, kind: BackupKind): BackupId {
  return `${startedAt.toISOString().replace(/[-:.]/g, '')}-${kind}` as BackupId;
}

/** @throws InputInvalid */
export function parseBackupId(text: string): { id: BackupId; startedAt: Date; kind: BackupKind } {
  const match = pattern.exec(text);
  const [, year, month, day, hour, minute, second, milli, kind] = match ?? [];
  const startedAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${milli}Z`);
  // Date reads the 30th of February as the 2nd of March.
  if (!match || Number.isNaN(startedAt.getTime()) || backupId(startedAt, kind as BackupKind) !== text) {
    throw new InputInvalid('backup', text, 'an id like 20261120T051345123Z-full', 'list them with `lifeboat backups`');
  }
  return { id: text as BackupId, startedAt, kind: kind as BackupKind };
}

export const isBackupId = (text: string): text is BackupId => pattern.test(text);

export const backupIdSchema = z.custom<BackupId>(
  (value) => typeof value === 'string' && isBackupId(value),
  'an id like 20261120T051345123Z-full',
);
