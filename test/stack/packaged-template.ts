import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { packageFunctions } from '#stack/package-functions';

/** What is deployed, as CloudFormation gets it. */
export interface Template {
  Parameters: Record<string, Record<string, unknown>>;
  Conditions: Record<string, unknown>;
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Value: unknown; Description?: string; Export?: unknown; Condition?: string }>;
}

export interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
  Condition?: string;
  DependsOn?: string | string[];
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

export interface Packaging {
  /** a plan, relative to the checkout */
  plan?: string;
  stage?: string;
  /** of src/stack/parameters.yml */
  params?: Record<string, string>;
}

export const checkout = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The template of `serverless package`, made by the real program, offline and without credentials. Made once for the same
 * sources: test processes find it in .cache/packaged.
 */
export function packagedTemplate(packaging: Packaging = {}): Promise<Template> {
  const key = JSON.stringify(packaging);
  const known = packaged.get(key) ?? packageOnce(packaging);
  packaged.set(key, known);
  return known.then((template) => structuredClone(template));
}

const packaged = new Map<string, Promise<Template>>();
const cache = join(checkout, '.cache/packaged');

async function packageOnce(packaging: Packaging): Promise<Template> {
  const cached = join(cache, `${await digestOf(packaging)}.json`);
  const known = await readFile(cached, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known);
  const made = await packageStack(packaging);
  const own = join(cache, `${randomUUID()}.tmp`);
  await mkdir(cache, { recursive: true });
  await writeFile(own, made);
  await rename(own, cached);
  await removeOlder();
  return JSON.parse(made);
}

/** Of all that a template is made of, and of how. */
async function digestOf(packaging: Packaging): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(packaging));
  const sources = '{serverless.yml,package-lock.json,*.yml,{functions,src,statemachines,tasks}/**/*.{ts,cjs,yml,json}}';
  const files = globSync(sources, { cwd: checkout }).sort();
  const plan = packaging.plan === undefined ? [] : [packaging.plan];
  for (const file of [...files, ...plan]) digest.update(`${file}\n`).update(await readFile(resolve(checkout, file)));
  return digest.digest('hex');
}

const keptMs = 24 * 3_600_000;

async function removeOlder(): Promise<void> {
  for (const name of await readdir(cache)) {
    const file = join(cache, name);
    const found = await stat(file).catch(() => undefined);
    if (found && found.mtimeMs < Date.now() - keptMs) await rm(file, { force: true });
  }
}

async function packageStack({
  plan = 'plan.aws.example.yml',
  stage = 'prod',
  params = {},
}: Packaging): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lifeboat-package-'));
  try {
    const bundles = join(folder, 'bundles');
    await packageFunctions(resolve(checkout, plan), bundles);
    const options = Object.entries({ plan, bundles, ...params }).flatMap(([name, value]) => [
      '--param',
      `${name}=${value}`,
    ]);
    const asked = ['package', '--package', join(folder, 'package'), '--stage', stage, ...options];
    const { exitCode, output } = await runServerless(asked, {}, await ownService(folder));
    if (exitCode !== 0) throw new Error(`serverless package ended with ${exitCode}:\n${output}`);
    return await readFile(join(folder, 'package/cloudformation-template-update-stack.json'), 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The checkout by another path: the program keeps its work in .serverless there, which two at once take from each other. */
async function ownService(folder: string): Promise<string> {
  const service = join(folder, 'service');
  await mkdir(service);
  const names = (await readdir(checkout)).filter((name) => !name.startsWith('.') && name !== 'serverless.yml');
  for (const name of names) await symlink(join(checkout, name), join(service, name));
  // it does not take a link for its configuration
  await copyFile(join(checkout, 'serverless.yml'), join(service, 'serverless.yml'));
  return service;
}

/** The program as npm brings it, with no variables of ours but those that are given. */
export async function runServerless(args: readonly string[], env: Record<string, string> = {}, cwd = checkout) {
  const child = spawn(process.execPath, [join(checkout, 'node_modules/serverless/bin/serverless.js'), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: tmpdir(), SLS_NOTIFICATIONS_MODE: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[exitCode], out, errors] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { exitCode: exitCode as number | null, output: `${out}${errors}` };
}

/** Name and properties of all resources of one type. */
export const resourcesOf = (template: Template, type: string): [name: string, properties: Record<string, unknown>][] =>
  Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([name, { Properties = {} }]) => [name, Properties]);
