import type { BackupId } from '#model/backup-id';

export interface StepFailure {
  step: string;
  name: string;
  message: string;
}

/** What is wrong after a verification, as machines fail with it and people are told it. */
export interface VerifyProblem {
  name: 'BackupDamaged' | 'BackupExpired' | 'VerifyIncomplete';
  message: string;
  hint: string;
}

/** It was removed while it was read: what is missing of it says nothing. */
export const expiredMeanwhile = (source: string, backup: BackupId): VerifyProblem => ({
  name: 'BackupExpired',
  message: `backup ${backup} of ${source} was removed by retention while it was read back`,
  hint: `nothing is said about it; see which backups there are: \`lifeboat backups --source ${source}\``,
});

/** null: every step has looked, and all is as it was written. */
export function describeVerification(found: {
  source: string;
  backup: BackupId;
  damage: readonly string[];
  failures: readonly StepFailure[];
}): VerifyProblem | null {
  const { source, backup, damage, failures } = found;
  const unseen = failures.map(({ step, name, message }) => `${step}: ${name}: ${message}`);
  if (damage.length > 0) {
    const more = damage.length > 10 ? [`and ${damage.length - 10} more`] : [];
    const rest = unseen.length > 0 ? [`${unseen.length} steps could not look`] : [];
    return {
      name: 'BackupDamaged',
      message: [`backup ${backup} of ${source} is damaged:`, ...damage.slice(0, 10), ...more, ...rest].join('\n'),
      hint: `take a new full backup now: \`lifeboat backup --source ${source}\``,
    };
  }
  if (unseen.length === 0) return null;
  return {
    name: 'VerifyIncomplete',
    message: [`backup ${backup} of ${source} could not be read back as a whole:`, ...unseen.slice(0, 10)].join('\n'),
    hint: `this says nothing about the backup; verify it again: \`lifeboat verify ${backup} --source ${source}\``,
  };
}
