import { type CostLine, thousands } from '#model/cost-line';
import type { Stay } from '#model/cost-stays';
import type { Lot } from '#model/cost-storage';
import { restoreDiskDollars, taskDollars } from '#model/cost-tasks';
import { work } from '#model/cost-work';
import type { Prices } from '#model/prices';

export interface DumpFacts {
  databaseBytes: number;
  /** raw bytes for one stored byte */
  ratio: number;
  dumps: readonly Stay[];
  /** without rows, which is next to nothing */
  schemaOnly: boolean;
  /** whether each is restored, or only read back */
  restoreTest: boolean;
}

/** A dump is taken for as large as its databases: it has no indexes, and rows are longer as text. */
export const dumpLots = (facts: DumpFacts): Lot[] =>
  facts.dumps.map(({ perMonth, days }) => ({
    bytesPerMonth: (perMonth * rawBytes(facts)) / facts.ratio,
    objectsPerMonth: (perMonth * rawBytes(facts)) / work.partBytes,
    days,
    cold: true,
  }));

/** Taking and proving dumps, without what they take up in the bucket. */
export function dumpLine(facts: DumpFacts, prices: Prices): CostLine {
  const { dumps, ratio, restoreTest } = facts;
  const count = dumps.reduce((sum, { perMonth }) => sum + perMonth, 0);
  const raw = rawBytes(facts);
  const { bytesPerSecond, taskSeconds, transitions, stepSeconds, functionGb } = work;
  const takeSeconds = raw / bytesPerSecond.dump + taskSeconds;
  const proveSeconds = raw / (restoreTest ? bytesPerSecond.proveDump : bytesPerSecond.verify) + taskSeconds;
  // functions/confirm-dump.ts asks for a volume by the size of the databases, whatever is made of it
  const disk = restoreDiskDollars(facts.databaseBytes, proveSeconds, prices);
  const tasks = taskDollars('dump', takeSeconds, prices) + taskDollars('proveDump', proveSeconds, prices) + disk;
  const pieces = raw / ratio / work.pieceBytes + (2 * raw) / work.partBytes;
  const requests = (pieces / 1000) * prices.putThousand + ((2 * pieces) / 1000) * prices.getThousand;
  const machine =
    (transitions.dump / 1000) * prices.transitionThousand +
    functionsOfDump * (stepSeconds * functionGb * prices.lambdaGbSecond + prices.lambdaMillion / 1e6);
  const hours = Math.round((count * (takeSeconds + proveSeconds)) / 3600);
  const proved = restoreTest ? 'restored' : 'read back';
  const basis = `${count.toFixed(1)} taken and ${proved}, ${hours} h of tasks, ${thousands(count * pieces)} puts`;
  return { what: 'dumps', dollars: count * (tasks + requests + machine), basis };
}

const functionsOfDump = 5;

const rawBytes = ({ databaseBytes, schemaOnly }: DumpFacts): number => (schemaOnly ? 0 : databaseBytes);
