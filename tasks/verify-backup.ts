import { type VerifyWork, verifyParts } from './verify-parts.ts';

export interface Verification {
  backup: string;
  ok: boolean;
  parts: number;
  /** what is wrong, in words */
  damage: string[];
}

/**
 * Read back everything that a restore of this backup to its own end needs, and compare it with what was written:
 * index, PostgreSQL's manifest, every part, and the WAL between start and stop. Damage is an answer; what kept us
 * from looking is thrown.
 */
export async function verifyBackup(work: VerifyWork): Promise<Verification> {
  const { backup, parts } = work.manifest;
  const found = await verifyParts(work, { parts: { from: 0, to: parts.length }, wal: true });
  return { backup, ok: found.damage.length === 0, ...found };
}
