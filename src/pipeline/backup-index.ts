import { isDeepStrictEqual } from 'node:util';
import { damaged } from '#pipeline/container';
import type { PartRecord } from '#pipeline/part-record';

/**
 * The index of a backup: lines of JSON. The first repeats the manifest's claims, then one line per part in order,
 * the last says how many. It is a container of its own, so it is encrypted where the parts are; a reader holds
 * one line at a time.
 */
export function* writeIndex(claims: Record<string, unknown>, parts: readonly PartRecord[]): Generator<Buffer> {
  yield line({ backup: claims });
  for (const part of parts) yield line({ part });
  yield line({ end: { parts: parts.length } });
}

const line = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

/** The parts, in order. @throws ObjectDamaged unless the claims are the manifest's and the index is complete. */
export async function* readIndex(
  blocks: AsyncIterable<Buffer>,
  expected: { key: string; claims: Record<string, unknown> },
): AsyncGenerator<PartRecord> {
  let count = -1;
  let ended = false;
  for await (const text of lines(blocks)) {
    if (ended) throw damaged(expected.key, 'goes on after its end');
    const entry = parseLine(text, expected.key);
    if (count < 0) {
      const difference = differingClaim(expected.claims, entry.backup ?? {});
      if (difference) throw damaged(expected.key, `was written for a manifest with another "${difference}"`);
    } else if (entry.part) yield entry.part;
    else if (entry.end?.parts === count) ended = true;
    else throw damaged(expected.key, `ends after ${count} parts, expected ${entry.end?.parts}`);
    count++;
  }
  if (!ended) throw damaged(expected.key, 'has no end');
}

interface IndexLine {
  backup?: Record<string, unknown>;
  part?: PartRecord;
  end?: { parts: number };
}

function parseLine(text: string, key: string): IndexLine {
  try {
    return Object(JSON.parse(text)) as IndexLine;
  } catch (cause) {
    throw damaged(key, 'has a line that is not JSON', cause);
  }
}

function differingClaim(expected: Record<string, unknown>, found: Record<string, unknown>): string | undefined {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names].find((name) => !isDeepStrictEqual(expected[name], found[name]));
}

async function* lines(blocks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let held: Buffer[] = [];
  for await (let block of blocks) {
    for (let end = block.indexOf(10); end >= 0; end = block.indexOf(10)) {
      yield Buffer.concat([...held, block.subarray(0, end)]).toString('utf8');
      held = [];
      block = block.subarray(end + 1);
    }
    if (block.length > 0) held.push(block);
  }
  if (held.length > 0) yield Buffer.concat(held).toString('utf8');
}
