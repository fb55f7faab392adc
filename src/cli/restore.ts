import { resolve } from 'node:path';
import { readChain } from '#catalog/backups';
import { type CommandContext, defineCommand } from '#cli/command';
import { describePlan, describeRestored } from '#cli/describe-restore';
import type { Output } from '#cli/output';
import type { Progress } from '#cli/progress';
import { chooseSource } from '#model/choose-source';
import { InputInvalid, RestoreFailed } from '#model/failure';
import { formatLsn } from '#model/lsn';
import { parseTarget, type TargetInput } from '#model/recovery-target';
import { preparePlan } from '#recovery/prepare-plan';
import type { RecoveryPlan } from '#recovery/recovery-plan';
import { planLayout } from '#recovery/restore-layout';
import { shellCommand } from '#recovery/settings';
import { tryFetch } from '#recovery/try-fetch';
import { openBucket } from '#runtime/open-bucket';
import { serverAccount } from '#runtime/server-account';
import { findServerPrograms } from '#runtime/server-programs';
import { cores, lifeboatWords } from '#runtime/this-process';
import { type RestoreProgress, restore } from '#tasks/restore';

export const command = defineCommand({
  name: 'restore',
  summary: 'bring a cluster back, to any instant',
  help: `Makes a recovery plan from the bucket, lays the cluster down in a directory, lets its server replay WAL to the target on a
private socket, reads the exact point it reached, asks it the checks, and stops it: ready for you to start. Without a
target it goes to the latest point that is stored.

Refused before anything is touched: a target that the stored WAL does not reach (with what can be reached), a time without
a zone, a directory that is not empty, a server program of another major version, a disk that is too small.

--action promote (default) leaves a primary on a timeline of its own; pause leaves a cluster that stops at the target
again when you start it, to look and decide; shutdown likewise shuts down there. Archiving is off in a restored cluster
until you switch it on. --dry-run prints the plan and its hash.`,
  examples: [
    'lifeboat restore --to /var/lib/postgresql/restored --dry-run',
    "lifeboat restore --to /srv/restored --time '2026-11-20 05:13:45+00'",
    'lifeboat restore --to /srv/restored --lsn 16/B374D848 --exclusive --action pause',
    'lifeboat restore --to /srv/restored --tablespace /mnt/fast=/srv/restored-fast --run-as postgres',
  ],
  options: {
    source: { flags: '--source <name>', summary: 'source in the plan (needed when it has several)' },
    to: { flags: '--to <directory>', summary: 'the data directory to make', required: true },
    time: { flags: '--time <instant>', summary: 'target: an instant with its zone' },
    lsn: { flags: '--lsn <lsn>', summary: 'target: a WAL position' },
    xid: { flags: '--xid <id>', summary: 'target: the end of a transaction' },
    name: { flags: '--name <point>', summary: 'target: a point made with pg_create_restore_point()' },
    immediate: { flags: '--immediate', summary: "target: the backup's own end" },
    exclusive: { flags: '--exclusive', summary: 'stop just before the target instead of just after it' },
    action: { flags: '--action <action>', summary: 'promote, pause or shutdown at the target (default: promote)' },
    timeline: {
      flags: '--timeline <number>',
      summary: 'follow this timeline (default: the one written at the target)',
    },
    backup: { flags: '--backup <id>', summary: 'begin with this backup (default: the newest before the target)' },
    tablespace: { flags: '--tablespace <old=new>', summary: 'put a tablespace somewhere else', repeatable: true },
    setAside: { flags: '--set-aside', summary: 'rename what lies at the places to restore to' },
    dryRun: { flags: '--dry-run', summary: 'print the plan and do nothing' },
    noStart: { flags: '--no-start', summary: 'lay down files and settings, and start nothing' },
    binDir: { flags: '--bin-dir <directory>', summary: 'where the server program is (default: looked for)' },
    runAs: { flags: '--run-as <user>', summary: 'as root: who owns and runs the cluster (default: postgres)' },
    set: {
      flags: '--set <name=value>',
      summary: 'a server setting for the replay only',
      repeatable: true,
      parse: parseSetting,
    },
    requestedBy: { flags: '--requested-by <name>', summary: 'who asks for it (default: the user)' },
  },

  async run(input, context) {
    const { plan: readPlan, environment, signal, output, now } = context;
    const target = parseTarget(targetInput(input));
    const configuration = await readPlan();
    const source = chooseSource(configuration, input.source, '--source');
    const vault = await openBucket(configuration, environment);
    const dataDir = resolve(context.cwd, input.to);
    const { facts, plan, hash } = await preparePlan(vault, source.name, target, signal);
    const chain = await readChain(vault.store, source.name, plan.chain, facts.backups);
    const layout = planLayout(dataDir, chain.at(-1)!.tablespaces, input.tablespace);
    output.note(describePlan(plan, hash, layout));
    if (input.dryRun) return output.print(describePlan(plan, hash, layout), { plan, hash });
    const shown = new ShownProgress(output);
    const words = fetchWords(plan, context);
    try {
      const account = await serverAccount(input.runAs);
      const record = await restore({
        vault,
        location: configuration.bucket,
        environment,
        plan,
        planHash: hash,
        chain,
        layout,
        setAside: input.setAside,
        ...(account ? { account } : {}),
        binDir: input.noStart ? undefined : binDirFor(plan.major, input.binDir, context),
        settings: Object.fromEntries(input.set),
        restoreCommand: shellCommand(words, '%f %p'),
        checkFetch: () => tryFetch(words, plan, chain.at(-1)!, account, environment),
        checks: source.checks,
        workers: cores(),
        requestedBy: input.requestedBy ?? environment.USER ?? environment.LOGNAME ?? 'somebody',
        now,
        signal,
        onProgress: (progress) => shown.show(progress),
        onLog: (line) => shown.log(line),
      });
      shown.end();
      output.print(describeRestored(record), record);
    } finally {
      shown.end();
    }
  },
});

type Input = { [Name in 'time' | 'lsn' | 'xid' | 'name' | 'action' | 'timeline' | 'backup']: string | undefined } & {
  immediate: boolean;
  exclusive: boolean;
};

function targetInput(input: Input): TargetInput {
  const { time, lsn, xid, name, action, timeline, backup, immediate, exclusive } = input;
  const given = { time, lsn, xid, name, action, timeline, backup, immediate: immediate || undefined, exclusive };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function parseSetting(text: string, field: string): [string, string] {
  const match = /^([a-z_][\w.]*)=(.*)$/i.exec(text);
  if (!match) throw new InputInvalid(field, text, 'name=value');
  return [match[1]!, match[2]!];
}

function binDirFor(major: number, given: string | undefined, { cwd, environment }: CommandContext): string {
  const binDir = given === undefined ? findServerPrograms(major, environment) : resolve(cwd, given);
  if (binDir !== undefined) return binDir;
  throw new RestoreFailed(`there is no server of PostgreSQL ${major} on this machine`, {
    operation: 'restore',
    subject: `PostgreSQL ${major}`,
    hint: 'install it, name its folder with --bin-dir, or pass --no-start to lay down files and settings only',
  });
}

/** What PostgreSQL runs for each WAL file that it wants, without the file's name and place. */
function fetchWords({ source, wal }: RecoveryPlan, { planPath, cwd }: CommandContext): string[] {
  const words = ['wal-fetch', '--plan', resolve(cwd, planPath), '--source', source, '--until', formatLsn(wal.until)];
  return [...lifeboatWords(), ...words];
}

class ShownProgress {
  readonly #output: Output;
  #bar: Progress | undefined;
  #doneBytes = 0;
  #phase: RestoreProgress['phase'] | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  show(progress: RestoreProgress): void {
    if (progress.phase !== this.#phase) this.#enter(progress);
    if (progress.phase === 'files') {
      this.#bar?.advance(progress.doneBytes - this.#doneBytes);
      this.#doneBytes = progress.doneBytes;
    }
    if (progress.phase === 'replay') this.#output.note(`replayed ${progress.fetchedFiles} WAL files`);
  }

  #enter(progress: RestoreProgress): void {
    this.end();
    this.#phase = progress.phase;
    if (progress.phase === 'files') this.#bar = this.#output.progress('files', progress.totalBytes);
    if (progress.phase === 'checks') this.#output.note('the target is reached: asking the checks');
    if (progress.phase === 'pages') this.#output.note('comparing the checksums of all pages');
  }

  /** Only what went wrong: the rest of a server's log is noise to whoever waits. */
  log(line: string): void {
    if (/\b(FATAL|PANIC|ERROR|WARNING): {2}|^lifeboat: |^HINT: /.test(line)) this.#output.note(`server: ${line}`);
  }

  end(): void {
    this.#bar?.end();
    this.#bar = undefined;
  }
}
