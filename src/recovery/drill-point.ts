import { createHash } from 'node:crypto';
import type { BackupId } from '#model/backup-id';
import { stopTime } from '#model/manifest';
import { parseTarget, printInstant, type TargetInput } from '#model/recovery-target';
import { pinTarget } from '#recovery/pin-target';
import { planRecovery } from '#recovery/plan-recovery';
import type { RecoveryFacts } from '#recovery/recovery-facts';
import { recoveryWindows, type Window } from '#recovery/windows';

export type DrillChoice = { target: 'newest' | 'random'; seed: string } | { backup: BackupId };

export interface DrillPoint {
  backup: BackupId;
  target: TargetInput;
}

/**
 * Which point a drill restores, so that it means the same however much is stored by then. Newest: the last point that is
 * stored, since that is what a restore would be for. Random: an instant in the recovery windows, each as likely as any
 * other, and the same one for the same seed. A given backup: its own end, and whatever a plan would say of it, since that
 * is for the drill to find out. undefined: no backup is committed.
 */
export function drillPoint(facts: RecoveryFacts, choice: DrillChoice): DrillPoint | undefined {
  if ('backup' in choice) return endOf(choice.backup);
  const windows = recoveryWindows(facts);
  const newestBackup = facts.backups.at(-1)?.backup;
  if (windows.length === 0) return newestBackup && endOf(newestBackup);
  if (choice.target === 'random') return randomPoint(facts, windows, choice.seed);
  const last = windows.reduce((a, b) => (b.toMicros > a.toMicros ? b : a));
  return planned(facts, {}) ?? endOf(last.backups.at(-1)!);
}

const endOf = (backup: BackupId): DrillPoint => ({ backup, target: { immediate: true, backup } });

function planned(facts: RecoveryFacts, wanted: TargetInput): DrillPoint | undefined {
  const outcome = planRecovery(facts, parseTarget(wanted));
  if (!outcome.possible) return undefined;
  const base = facts.backups.find(({ backup }) => backup === outcome.plan.chain.at(-1))!;
  return { backup: base.backup, target: pinTarget(outcome.plan, base) };
}

function randomPoint(facts: RecoveryFacts, windows: readonly Window[], seed: string): DrillPoint {
  const { window, micros } = randomInstant(windows, seed);
  const isBefore = (id: BackupId) => {
    const backup = facts.backups.find((known) => known.backup === id)!;
    return BigInt(stopTime(backup).getTime()) * 1000n <= micros;
  };
  const backup = window.backups.findLast(isBefore) ?? window.backups[0]!;
  const wanted = { time: printInstant(micros), timeline: String(window.timeline), backup };
  return planned(facts, wanted) ?? endOf(backup);
}

/** Windows of no length count for a microsecond, so that they are not left out. */
function randomInstant(windows: readonly Window[], seed: string): { window: Window; micros: bigint } {
  const lengths = windows.map(({ from, toMicros }) => toMicros - BigInt(from.getTime()) * 1000n + 1n);
  const total = lengths.reduce((sum, length) => sum + length, 0n);
  const random = createHash('sha256').update(seed).digest().readBigUInt64BE();
  let offset = (total * random) >> 64n;
  for (const [index, window] of windows.entries()) {
    if (offset < lengths[index]!) return { window, micros: BigInt(window.from.getTime()) * 1000n + offset };
    offset -= lengths[index]!;
  }
  throw new RangeError('the offset is below the sum of all lengths');
}
