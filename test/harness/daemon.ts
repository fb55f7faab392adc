import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Question, questionSchema } from '#model/approval';
import type { Evidence } from '#model/evidence';
import type { Notice } from '#model/notice';
import type { ExecutionStanding } from '#runtime/machines';
import { createDirectoryStore } from '#store/directory-store';
import type { ObjectStore } from '#store/object-store';
import {
  evidenceIn,
  journalRecords,
  killIfThere,
  noticesIn,
  type TaskFolder,
  taskFolders,
  type WrittenRecord,
} from './daemon-files.ts';
import { DaemonProcess, until } from './daemon-process.ts';
import { serverAccount } from './postgres-installations.ts';
import { makeServerFolder, serverFolder, type TestServer } from './postgres-server.ts';

export interface PlanAtWork {
  /** beside the bucket, the key and the source */
  plan?: Record<string, unknown>;
  /** of the source, beside its connection */
  source?: Record<string, unknown>;
  /** of the daemon and of every command */
  environment?: Record<string, string>;
}

/**
 * A plan for one source named `orders`, and `lifeboat up` as a process that can be killed and started again. All of it
 * lies in one folder and belongs to the server's account, which the daemon and every command run as where we are root.
 */
export class TestDaemon extends DaemonProcess {
  readonly server: TestServer;
  readonly bucket: string;
  readonly planPath: string;
  readonly #beside: TestDaemon | undefined;

  /** `beside`: another one of the same plan, which only wants a state directory of its own */
  constructor(server: TestServer, { environment = {}, ...plan }: PlanAtWork = {}, beside?: TestDaemon) {
    const folder = beside?.folder ?? serverFolder('lifeboat-daemon-');
    const drills = makeServerFolder(join(folder, 'drills'));
    super(folder, { LIFEBOAT_BIN_DIR: server.installation.binDir, LIFEBOAT_DRILL_DIR: drills, ...environment });
    this.server = server;
    this.#beside = beside;
    this.bucket = makeServerFolder(join(folder, 'bucket'));
    this.planPath = join(folder, 'plan.yml');
    if (beside) return;
    this.#give('lifeboat.key', `lifeboat-key-1:${randomBytes(32).toString('base64')}\n`);
    this.writePlan(plan);
  }

  writePlan({ plan = {}, source = {} }: PlanAtWork): void {
    const orders = { connection: this.server.connection, walChunkSeconds: 1, compressionLevel: 1, ...source };
    const content = { bucket: './bucket', encryption: { keyFile: './lifeboat.key' }, sources: { orders }, ...plan };
    this.#give('plan.yml', JSON.stringify(content)); // JSON is YAML
  }

  get store(): Promise<ObjectStore> {
    return createDirectoryStore(this.bucket);
  }

  /** The JSON that a command answers, which has to end well. */
  async ask<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    const { exitCode, stdout, stderr } = await this.run([...args, '--json']);
    assert.equal(exitCode, 0, `lifeboat ${args.join(' ')}: ${stdout}${stderr}\n${this.log}`);
    return JSON.parse(stdout);
  }

  /** What `lifeboat status` knows, whether it is all well or not. */
  async anyStatus<T = Record<string, unknown>>(): Promise<T> {
    const { exitCode, stdout, stderr } = await this.run(['status', '--json']);
    assert.ok(exitCode === 0 || exitCode === 9, `lifeboat status: ${stdout}${stderr}\n${this.log}`);
    return JSON.parse(stdout);
  }

  /** The end of an execution. */
  async ended(arn: string, timeoutMs = 60_000): Promise<ExecutionStanding> {
    let standing: ExecutionStanding | undefined;
    await until(
      `the end of ${arn}`,
      async () => {
        standing = await this.machines.describe(arn);
        return standing.status !== 'RUNNING';
      },
      timeoutMs,
    );
    return standing!;
  }

  async succeeded(arn: string): Promise<ExecutionStanding> {
    const standing = await this.ended(arn);
    assert.equal(standing.status, 'SUCCEEDED', `${standing.error}: ${standing.cause}\n${this.log}`);
    return standing;
  }

  /** A backup by the machine, and the verification and the drill that follow by themselves. Its id. */
  async provenBackup(type: 'full' | 'incremental' = 'full'): Promise<string> {
    const { output } = await this.succeeded(await this.machines.start('backup', { source: 'orders', type }));
    const [{ backup }] = output as [{ backup: string }];
    const id = backup.split('/').at(-1)!;
    await this.settled();
    return id;
  }

  /** Nothing runs, and nothing is on its way: every event was delivered. */
  async settled(timeoutMs = 60_000): Promise<void> {
    let quiet = 0;
    await until(
      'nothing runs any more',
      async () => {
        const waiting = readdirSync(join(this.state, 'events')).some((name) => /\.(put|intent|unsure)$/.test(name));
        quiet = waiting || (await this.machines.list('RUNNING')).length > 0 ? 0 : quiet + 1;
        return quiet >= 2;
      },
      timeoutMs,
      50,
    ).catch((failure: Error) => {
      throw new Error(`${failure.message}\n${this.log}`);
    });
  }

  /** Starts a restore and waits until it asks. */
  async askedRestore(input: object): Promise<{ arn: string; name: string; question: Question }> {
    const arn = await this.machines.start('restore', { source: 'orders', requestedBy: 'Grace', ...input });
    const name = arn.split(':').at(-1)!;
    return { arn, name, question: await this.question(arn) };
  }

  async question(arn: string): Promise<Question> {
    const [machine, name] = arn.split(':').slice(-2);
    const file = join(this.bucket, 'approvals', machine!, name!, 'question.json');
    await until('it asks', async () => {
      if (existsSync(file)) return true;
      const { status, error, cause } = await this.machines.describe(arn);
      if (status !== 'RUNNING') throw new Error(`it asks nothing: ${status} ${error}: ${cause}`);
      return false;
    });
    return questionSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  }

  /** A backup waits for the server's checkpoint, and so does not end while nobody makes one. Call it to go on. */
  async holdBackups(): Promise<() => void> {
    const query = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    const pid = Number(await this.server.value(query));
    process.kill(pid, 'SIGSTOP');
    return () => killIfThere(pid, 'SIGCONT');
  }

  /** A yes by the function that `lifeboat approve` calls. */
  async answer(arn: string, decision: 'approve' | 'reject' = 'approve', by = 'Ada'): Promise<void> {
    const { planHash } = await this.question(arn);
    await this.machines.invoke('answer-approval', { execution: arn, decision, plan: planHash, by, reason: 'seen' });
  }

  /** In the order in which they were asked for. */
  tasks(task?: string): TaskFolder[] {
    return taskFolders(this.state).filter((one) => task === undefined || one.task === task);
  }

  /** Runs of WAL receivers that are not over. */
  receivers(): TaskFolder[] {
    return this.tasks('receive-wal').filter(({ ended }) => !ended);
  }

  /** The one that receives; waits until there is one. */
  async receiver(): Promise<TaskFolder> {
    const found = () => this.receivers().filter(({ log }) => log.includes('"message":"receiving"'));
    await until('one receives', () => found().length === 1, 30_000);
    return found()[0]!;
  }

  /** Until the server's WAL up to now is stored. */
  async untilStored(): Promise<void> {
    const lsn = await this.server.value('select pg_current_wal_flush_lsn()');
    const query = `select coalesce(bool_or(flush_lsn >= '${lsn}'), false) from pg_stat_replication where state = 'streaming'`;
    await until(`WAL up to ${lsn} is stored`, async () => (await this.server.value(query)) === 't', 30_000);
  }

  /** Records in the journals of all executions of a machine, or of all. */
  journalRecords(machine?: string): WrittenRecord[] {
    return journalRecords(this.state, machine);
  }

  /** What was done, by the evidence in the bucket. */
  evidence(): Evidence[] {
    return evidenceIn(this.bucket);
  }

  /** What people were to be told by the daemon or a machine, told or not. */
  notices(): Notice[] {
    return noticesIn(this.state);
  }

  #give(name: string, content: string): void {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    if (serverAccount) chownSync(path, serverAccount.uid, serverAccount.gid);
  }

  async remove(): Promise<void> {
    await this.end();
    if (!this.#beside) rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
