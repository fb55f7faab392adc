import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { FunctionPackage } from '#stack/package-functions';

export type LambdaAnswer =
  | { payload: unknown; error?: undefined }
  | { error: { errorType: string; errorMessage: string }; payload?: undefined };

/** A bundled function in a process of its own, in the folder that its zip unpacks to and with Lambda's variables alone. */
export class LambdaProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #log: Promise<string>;
  /** the most that it ever took */
  maxRssBytes = 0;

  static async start(
    { name, files }: Pick<FunctionPackage, 'name' | 'files'>,
    environment: Readonly<Record<string, string>>,
    memoryMb = 256,
  ): Promise<LambdaProcess> {
    const folder = await mkdtemp(join(tmpdir(), `lifeboat-${name}-`));
    for (const file of files) {
      const path = join(folder, file.name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, file.content);
    }
    const child = fork(join(import.meta.dirname, 'lambda-child.ts'), {
      cwd: folder,
      env: { ...lambdaVariables(name, memoryMb), ...environment, LIFEBOAT_TEST_FUNCTION: name },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // as the runtime's bootstrap divides a function's memory: https://gallery.ecr.aws/lambda/nodejs
      execArgv: [
        `--max-semi-space-size=${Math.floor(memoryMb / 20)}`,
        `--max-old-space-size=${Math.floor(memoryMb * 0.9)}`,
      ],
    });
    const started = new LambdaProcess(child, folder);
    const [first] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    if (first !== 'ready') throw new Error(`${name} did not start: ${await started.#log}`);
    return started;
  }

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#log = Promise.all([text(child.stdout!), text(child.stderr!)]).then((said) => said.join(''));
  }

  async invoke(event: unknown): Promise<LambdaAnswer> {
    const requestId = randomUUID();
    const answered = Promise.withResolvers<LambdaAnswer>();
    const listen = (message: { requestId: string; answer: LambdaAnswer; maxRssBytes: number }) => {
      if (message.requestId !== requestId) return;
      this.maxRssBytes = message.maxRssBytes;
      answered.resolve(message.answer);
    };
    const ended = async () => answered.reject(new Error(`it ended: ${await this.#log}`));
    this.#child.on('message', listen).once('exit', ended);
    this.#child.send({ event, requestId });
    try {
      return await answered.promise;
    } finally {
      this.#child.off('message', listen).off('exit', ended);
    }
  }

  /** Ends it. Answers the lines of its log; one that is no JSON fails. */
  async stop(): Promise<Record<string, unknown>[]> {
    this.#child.kill();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    await rm(this.#folder, { recursive: true, force: true });
    return (await this.#log)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
const lambdaVariables = (name: string, memoryMb: number): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  _HANDLER: `${name}.handler`,
  AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
  AWS_LAMBDA_FUNCTION_NAME: `lifeboat-prod-${name}`,
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
  AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
  AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/lifeboat-prod-${name}`,
  TZ: ':UTC',
});
