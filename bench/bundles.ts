import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { formatTable } from '#cli/format-table';
import { type FunctionPackage, packageFunctions } from '#stack/package-functions';

/**
 * What Lambda gets: for each function the bytes of its code and of its zip, and how long it takes to import in a process of
 * its own (median of five): what is loaded at once, and with it all that may be loaded later. Of what moves primaries that is an
 * SDK for each kind of server and part, of which a plan has some. `--json` for one object;
 * ends with 1 when a limit is passed.
 */
const limits = { startBytes: 700_000, bytes: 2_100_000, importMs: 400 };
const repeats = 5;

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), 'lifeboat-bundles-'));
try {
  const packages = await packageFunctions(join(import.meta.dirname, '../plan.aws.example.yml'), join(folder, 'zips'));
  const functions = [];
  for (const { name, startBytes, bytes, zipBytes, files } of packages) {
    const times = await importTimes(await unpack(name, files), files);
    functions.push({ name, startBytes, bytes, zipBytes, files: files.length, ...times });
  }
  const tooMuch = functions.filter(
    ({ startBytes, bytes, importMs }) =>
      startBytes > limits.startBytes || bytes > limits.bytes || importMs > limits.importMs,
  );
  if (process.argv.includes('--json'))
    console.log(JSON.stringify({ limits, functions, ok: tooMuch.length === 0 }, null, 2));
  else {
    const rows = functions.map((one) => Object.values(one).map(String));
    console.log(
      formatTable([['function', 'at start', 'bytes', 'zip bytes', 'files', 'import ms', 'with all ms'], ...rows]),
    );
  }
  for (const { name } of tooMuch)
    console.error(
      `${name} is over the limit of ${limits.startBytes} bytes and ${limits.importMs} ms at its start, or ${limits.bytes} bytes in all`,
    );
  process.exitCode = tooMuch.length === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function unpack(name: string, files: FunctionPackage['files']): Promise<string> {
  for (const file of files) {
    const path = join(folder, name, file.name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.content);
  }
  return join(folder, name);
}

async function importTimes(at: string, files: FunctionPackage['files']) {
  const [entry, ...later] = files
    .map(({ name }) => name)
    .filter((name) => name.endsWith('.mjs'))
    .sort((a, b) => a.split('/').length - b.split('/').length);
  const program = `
    const began = performance.now();
    await import('./${entry}');
    const importMs = performance.now() - began;
    for (const name of ${JSON.stringify(later)}) await import('./' + name);
    console.log(JSON.stringify({ importMs, importAllMs: performance.now() - began }));`;
  const measured: { importMs: number; importAllMs: number }[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: at });
    measured.push(JSON.parse(stdout));
  }
  return {
    importMs: median(measured.map(({ importMs }) => importMs)),
    importAllMs: median(measured.map(({ importAllMs }) => importAllMs)),
  };
}

function median(values: number[]): number {
  return Math.round(values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!);
}
