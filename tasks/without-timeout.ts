import { RestoreFailed } from '#model/failure';

/** Comments, settings to 0 and the restriction that psql reads: what a script begins with, up to the one line. */
const before = /^(?:--[^\n]*\n|\n|\\restrict \w+\n|SET \w+ = 0;\n)*/;
const line = 'SET transaction_timeout = 0;\n';
const headBytes = 64 << 10;

/**
 * The script that pg_restore wrote, without `SET transaction_timeout = 0` at its beginning; nothing behind its first
 * settings is looked at. A script that does not restrict psql to SQL first is refused: what stands in a dump could make
 * psql run programs then (CVE-2025-8714, corrected in the minor releases of August 2025).
 * @throws RestoreFailed
 */
export async function* withoutTimeout(script: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const bytes of script) {
    if (!head) {
      yield bytes;
      continue;
    }
    head = Buffer.concat([head, bytes]);
    if (head.length < headBytes && !head.includes(line)) continue;
    yield cleaned(head);
    head = undefined;
  }
  if (head && head.length > 0) yield cleaned(head);
}

function cleaned(head: Buffer): Buffer {
  const text = head.toString('latin1');
  const [settings] = before.exec(text)!;
  if (!settings.includes('\n\\restrict ')) {
    throw new RestoreFailed('this pg_restore writes scripts that let psql do more than SQL', {
      operation: 'find programs',
      subject: 'pg_restore',
      hint: 'install the newest minor release of the client programs',
    });
  }
  return Buffer.from(settings.replace(line, '') + text.slice(settings.length), 'latin1');
}
