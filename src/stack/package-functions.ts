import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFunctions } from '#stack/bundle-functions';
import { type ZipEntry, zip } from '#stack/zip';

export interface FunctionPackage {
  /** of the function: plan-backup */
  name: string;
  /** of its files without the plan */
  bytes: number;
  /** of those that are loaded when it starts */
  startBytes: number;
  /** where it lies: `<folder>/plan-backup.zip` */
  path: string;
  zipBytes: number;
  /** as Lambda unpacks it */
  files: ZipEntry[];
}

/** Zip every function with the plan beside it, as functions/functions.yml wants them. The same input makes the same bytes. */
export async function packageFunctions(planPath: string, folder: string): Promise<FunctionPackage[]> {
  const plan = { name: 'plan.yml', content: await readFile(planPath) };
  const bundles = await bundleFunctions();
  await mkdir(folder, { recursive: true });
  return Promise.all(
    bundles.map(async ({ name, bytes, startBytes, files: pieces }) => {
      const files = [...pieces, plan];
      const path = join(folder, `${name}.zip`);
      const archive = zip(files);
      await writeFile(path, archive);
      return { name, bytes, startBytes, path, zipBytes: archive.length, files };
    }),
  );
}
