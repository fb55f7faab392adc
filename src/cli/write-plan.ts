import { access, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { CommandContext } from '#cli/command';
import { defaultAnswers, type PlanAnswers, planTemplate } from '#cli/plan-template';
import { InputInvalid } from '#model/failure';
import { isS3Url, ofTheStack, parsePlan } from '#model/plan';
import { resolvePath } from '#runtime/environment';
import { createKeyFile, type FileKey, readKeyFile } from '#runtime/key-file';
import { createSigningKey, openSigningKey } from '#runtime/signing-key';
import { createDirectoryStore } from '#store/directory-store';

export interface WrittenPlan {
  /** what was made, for people */
  lines: string[];
  keyId: string | undefined;
}

/** What the command line says; the rest are defaults. */
export type GivenAnswers = { [Name in Exclude<keyof PlanAnswers, 'signingKey'>]: PlanAnswers[Name] | undefined };

/**
 * Write the plan, and before it what it refers to: its key file, its bucket if that is a directory.
 * @throws InputInvalid when the plan exists; PlanInvalid when the answers make no plan; KeyUnusable; StoreRefused
 */
export async function writePlan(
  given: GivenAnswers,
  noEncryption: boolean,
  { cwd, environment, output, planPath }: CommandContext,
): Promise<WrittenPlan> {
  const planFile = resolve(cwd, planPath);
  const folder = dirname(planFile);
  if (await exists(planFile)) throw planExists(planPath);

  const answers = answersOf(given, noEncryption, (path) =>
    folder === cwd ? path : resolvePath(path, cwd, environment),
  );
  const content = planTemplate(answers);
  parsePlan(content, planPath);

  const key =
    answers.keyFile === undefined ? undefined : await obtainKey(resolvePath(answers.keyFile, folder, environment));
  if (!isS3Url(answers.bucket) && !answers.aws)
    await createDirectoryStore(resolvePath(answers.bucket, folder, environment));
  if (!(await exists(folder))) throw planUnwritable(planPath, 'ENOENT');
  const signs = answers.aws ? undefined : await obtainSigningKey(resolvePath(answers.signingKey, folder, environment));
  await writeOnce(planFile, planPath, content);

  if (key) {
    output.warn(
      `without the key file ${answers.keyFile} (key ${key.id}) NOBODY CAN RESTORE the backups: keep a copy elsewhere`,
    );
  }
  return { lines: [`plan: ${planPath}, written`, ...linesOf(answers, key, signs)], keyId: key?.id };
}

function linesOf(
  { aws, bucket, keyFile, signingKey }: PlanAnswers,
  key: { isNew: boolean } | undefined,
  signs: { isNew: boolean } | undefined,
): string[] {
  if (aws) return [`stack: ${aws.stack} in ${aws.region}, whose bucket and key it is; how to deploy it: docs/aws.md`];
  return [
    `key file: ${key ? `${keyFile}, ${key.isNew ? 'written' : 'already there'}` : 'none, backups are stored in clear'}`,
    `bucket: ${bucket}`,
    `signing key: ${signingKey}, ${signs?.isNew ? 'written' : 'already there'}`,
  ];
}

function answersOf(given: GivenAnswers, noEncryption: boolean, fromPlan: (path: string) => string): PlanAnswers {
  const { bucket, keyFile } = given;
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return {
    ...defaultAnswers,
    ...said,
    ...(bucket === undefined || /^\w+:\/\//.test(bucket) ? {} : { bucket: fromPlan(bucket) }),
    ...(keyFile === undefined ? {} : { keyFile: fromPlan(keyFile) }),
    ...(noEncryption || given.aws ? { keyFile: undefined } : {}),
    ...(given.aws ? { bucket: ofTheStack } : {}),
  };
}

/** A key that is already there may be the one of other plans' backups: it is used and never replaced. */
async function obtainKey(path: string): Promise<FileKey & { isNew: boolean }> {
  if (!(await exists(path))) return { ...(await createKeyFile(path)), isNew: true };
  const [current] = await readKeyFile(path);
  return { ...current, isNew: false };
}

async function obtainSigningKey(path: string): Promise<{ isNew: boolean }> {
  const isNew = !(await exists(path));
  if (isNew) await createSigningKey(path);
  else await openSigningKey(path);
  return { isNew };
}

async function writeOnce(file: string, planPath: string, content: string): Promise<void> {
  try {
    await writeFile(file, content, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'EEXIST' ? planExists(planPath) : planUnwritable(planPath, code);
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const planUnwritable = (path: string, code: string | undefined): InputInvalid =>
  new InputInvalid('--plan', path, `a file that can be written, got ${code}`);

const planExists = (path: string): InputInvalid =>
  new InputInvalid(
    '--plan',
    path,
    'a file that is not there yet',
    'a plan is never overwritten: edit it and run `lifeboat init --check`, or name another with --plan FILE',
  );
