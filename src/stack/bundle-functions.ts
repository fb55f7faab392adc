import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';
import { leavingOut } from '#stack/left-out';
import type { ZipEntry } from '#stack/zip';

/** All that one function needs, as Lambda unpacks it. */
export interface Bundle {
  /** of the function: plan-backup */
  name: string;
  /** `<name>.mjs`, which exports `handler`, and the pieces that it imports */
  files: ZipEntry[];
  /** of all files */
  bytes: number;
  /** of those that are loaded when it starts */
  startBytes: number;
  /** what it was made of, relative to the checkout */
  sources: string[];
}

/**
 * Every function with all that it needs. What is loaded only when it is needed stays so: it lies in a piece of its own. The same
 * sources make the same bytes.
 */
export async function bundleFunctions(): Promise<Bundle[]> {
  const names = await functionNames();
  const { outputFiles, metafile } = await build({
    absWorkingDir: checkout,
    entryPoints: names.map((name) => `functions/${name}.ts`),
    // nothing is written: only the names of the outputs begin with it
    outdir: 'bundles',
    outExtension: { '.js': '.mjs' },
    chunkNames: 'pieces/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    legalComments: 'none',
    banner: { js: requireForCommonJs },
    plugins: [leavingOut()],
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const contents = new Map(outputFiles.map(({ path, contents }) => [path.slice(checkout.length), contents]));
  return names.map((name) => {
    const outputs = [...closureOf(metafile, `bundles/${name}.mjs`)].sort();
    const files = outputs.map((output) => ({ name: output.slice('bundles/'.length), content: contents.get(output)! }));
    const bytesOf = (some: Iterable<string>) =>
      [...some].reduce((sum, output) => sum + contents.get(output)!.length, 0);
    const [bytes, startBytes] = [bytesOf(outputs), bytesOf(closureOf(metafile, `bundles/${name}.mjs`, atOnce))];
    const sources = outputs.flatMap((output) => Object.keys(metafile.outputs[output]!.inputs));
    return { name, files, bytes, startBytes, sources: [...new Set(sources)].sort() };
  });
}

const checkout = fileURLToPath(new URL('../../', import.meta.url));

/** Packages that are no ES modules call require, which an ES module has to make itself. */
const requireForCommonJs = `import { createRequire as makeRequire } from 'node:module';const require = makeRequire(import.meta.url);`;

type Import = Metafile['outputs'][string]['imports'][number];
const atOnce = ({ kind }: Import): boolean => kind !== 'dynamic-import';

/** An output and those that it imports: at once or later, or only those that `follow` says. */
function closureOf(
  metafile: Metafile,
  output: string,
  follow: (one: Import) => boolean = () => true,
  found = new Set<string>(),
): Set<string> {
  if (found.has(output)) return found;
  found.add(output);
  for (const one of metafile.outputs[output]!.imports)
    if (!one.external && follow(one)) closureOf(metafile, one.path, follow, found);
  return found;
}

/** Every file of functions/ with a handler. */
export async function functionNames(): Promise<string[]> {
  const folder = join(checkout, 'functions');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort();
  const sources = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return files
    .filter((_, index) => /^export const handler\b/m.test(sources[index]!))
    .map((file) => basename(file, '.ts'));
}
