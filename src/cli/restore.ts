import { isAbsolute, resolve } from 'node:path';
import { readChain } from '#catalog/backups';
import { type CommandContext, defineCommand } from '#cli/command';
import { describeRestored } from '#cli/describe-restore';
import { type DirectWork, leaveEvidence } from '#cli/leave-evidence';
import { noteInIncident, requireOpenIncident } from '#cli/note-in-incident';
import { findMachines, stateOption, whoAsks } from '#cli/open-machines';
import type { Output } from '#cli/output';
import type { Progress } from '#cli/progress';
import { restoreByMachine } from '#cli/restore-by-machine';
import { ApprovalRefused } from '#model/approval';
import { chooseSource } from '#model/choose-source';
import { InputInvalid } from '#model/failure';
import type { Plan } from '#model/plan';
import { parseTarget, type TargetInput } from '#model/recovery-target';
import type { RestoreRecord } from '#model/task-result';
import { describePlan } from '#recovery/describe-plan';
import { preparePlan } from '#recovery/prepare-plan';
import { planLayout } from '#recovery/restore-layout';
import type { Machines } from '#runtime/machines';
import { openBucket } from '#runtime/open-bucket';
import { serverAccount } from '#runtime/server-account';
import type { ObjectStore } from '#store/object-store';
import { isTrouble, type RestoreProgress, restore } from '#tasks/restore';
import { restoreWork, serverPrograms } from '#tasks/restore-source';

export const command = defineCommand({
  name: 'restore',
  summary: 'bring a cluster back, to any instant',
  help: `Makes a recovery plan from the bucket, lays the cluster down in a directory, lets its server replay WAL to the target on a
private socket, reads the exact point it reached, asks it the checks, and stops it: ready for you to start. Without a
target it goes to the latest point that is stored.

Refused before anything is touched: a target that the stored WAL does not reach (with what can be reached), a time without
a zone, a directory that is not empty, a server program of another major version, a disk that is too small.

Where \`lifeboat up\` runs, or the plan is deployed on AWS, its machine restores: it shows the plan, waits for
\`lifeboat approve\`, looks again, and carries it out. Else, or with --direct, it is done in this process at once; where the
plan names approvers or asks for four eyes, only with --direct.

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
    reason: { flags: '--reason <text>', summary: 'why, for whoever approves and for the evidence' },
    incident: { flags: '--incident <id>', summary: 'the incident that it is for: it is noted there' },
    noWait: { flags: '--no-wait', summary: 'let the machine do it, and do not wait for its end' },
    direct: { flags: '--direct', summary: 'do it in this process, without asking anybody' },
    state: stateOption,
  },

  async run(input, context) {
    const { plan: readPlan, environment, signal, output, now } = context;
    const target = parseTarget(targetInput(input));
    const configuration = await readPlan();
    const source = chooseSource(configuration, input.source, '--source');
    const dataDir = resolve(context.cwd, input.to);
    await requireOpenIncident(input.incident, context);
    const machines = input.direct || input.dryRun ? undefined : await findMachines(context, input.state);
    if (machines) {
      try {
        const asked = machineInput(source.name, input, machines.kind, context);
        const requestedBy = input.requestedBy ?? (await whoAsks(context, machines));
        const note = (name: string) => `asked for restore ${name} of ${source.name} to ${dataDir}`;
        const noteRestore = (name: string) =>
          noteInIncident(input.incident, { by: requestedBy, note: note(name) }, context);
        const wanted = { input: { ...asked, requestedBy }, wait: !input.noWait, state: input.state };
        return await restoreByMachine(machines, { ...wanted, onStarted: noteRestore }, context);
      } finally {
        machines.close();
      }
    }
    if (!input.direct && !input.dryRun) checkNobodyToAsk(configuration);
    const vault = await openBucket(configuration, environment);
    const { facts, plan, hash } = await preparePlan(vault, source.name, target, signal);
    const chain = await readChain(vault.store, source.name, plan.chain, facts.backups);
    const layout = planLayout(dataDir, chain.at(-1)!.tablespaces, input.tablespace);
    const described = describePlan(plan, hash, layout);
    if (input.dryRun) return output.print(described, { plan, hash });
    output.note(described);
    const by = input.requestedBy ?? environment.USER ?? environment.LOGNAME ?? 'somebody';
    const note = `restores ${source.name} to ${dataDir}, plan ${hash.slice(0, 12)}`;
    await noteInIncident(input.incident, { by, note }, context);
    const shown = new ShownProgress(output);
    try {
      const work = directRestore({ store: vault.store, source: source.name, who: by, planHash: hash, dataDir });
      const record = await leaveEvidence(work, context, async () =>
        restore(
          restoreWork({
            source,
            prepared: { plan, hash },
            vault,
            location: configuration.bucket,
            planPath: resolve(context.cwd, context.planPath),
            environment,
            chain,
            layout,
            setAside: input.setAside,
            account: await serverAccount(input.runAs),
            binDir: input.noStart ? undefined : serverPrograms(plan.major, binDirOf(input, context), environment),
            settings: Object.fromEntries(input.set),
            requestedBy: input.requestedBy ?? environment.USER ?? environment.LOGNAME ?? 'somebody',
            approvedBy: null,
            execution: null,
            now,
            signal,
            onProgress: (progress) => shown.show(progress),
            onLog: (line) => shown.log(line),
          }),
        ),
      );
      shown.end();
      output.print(describeRestored(record), record);
    } finally {
      shown.end();
    }
  },
});

interface DirectRestore {
  store: ObjectStore;
  source: string;
  who: string;
  planHash: string;
  dataDir: string;
}

const directRestore = ({ dataDir, ...asked }: DirectRestore): DirectWork<RestoreRecord> => ({
  ...{ ...asked, work: 'restore' },
  failed: { kind: 'restore', from: null, to: dataDir, target: null, reached: null, verification: null },
  succeeded: ({ chain, target, reached, checks, source }) => ({
    what: `restored ${source} to ${target} in ${dataDir}, without asking`,
    details: {
      ...{ kind: 'restore', from: chain.at(-1) ?? null, to: dataDir, target },
      reached: reached ? `${reached.lsn}, last transaction ${reached.time ?? 'none'}` : 'not started',
      verification: `checks: ${checks.filter(({ ok }) => ok).length} of ${checks.length}`,
    },
  }),
});

/** A daemon that is down, or that we may not reach, is no yes. @throws ApprovalRefused */
function checkNobodyToAsk({ approvers, fourEyes }: Plan): void {
  if (approvers.length === 0 && !fourEyes) return;
  const who = approvers.length > 0 ? `${approvers.map(({ name }) => name).join(', ')} to be asked` : 'four eyes';
  throw new ApprovalRefused(`the plan wants ${who} before a restore, and no daemon answers that could ask`, {
    operation: 'restore',
    subject: 'approval',
    hint: 'start `lifeboat up`, or name its state directory with --state; to restore without asking add --direct',
  });
}

/** What the machine takes of what the command does. @throws InputInvalid for what only this process could do */
function machineInput(
  source: string,
  input: MachineOptions & Input,
  kind: Machines['kind'],
  { cwd }: CommandContext,
): object {
  const place = (path: string, flag: string) => (kind === 'daemon' ? resolve(cwd, path) : absolute(path, flag));
  const own = { '--no-start': input.noStart, '--bin-dir': input.binDir, '--run-as': input.runAs };
  for (const [flag, value] of Object.entries(own)) {
    if (value === undefined || value === false) continue;
    const hint = {
      daemon: 'set LIFEBOAT_BIN_DIR and LIFEBOAT_RUN_AS for `lifeboat up`, or add --direct',
      stack: 'a task of the stack restores, with what its image has; to restore here add --direct',
    };
    throw new InputInvalid(flag, value, `nothing, since the ${kind} restores`, hint[kind]);
  }
  const tablespaces = Object.fromEntries(input.tablespace.map((mapping) => splitMapping(mapping, place)));
  return {
    source,
    to: place(input.to, '--to'),
    ...targetInput(input),
    ...(input.setAside ? { setAside: true } : {}),
    ...(input.tablespace.length > 0 ? { tablespaces } : {}),
    ...(input.set.length > 0 ? { settings: Object.fromEntries(input.set) } : {}),
    ...(input.reason === undefined ? {} : { reason: input.reason }),
  };
}

interface MachineOptions {
  to: string;
  noStart: boolean;
  binDir: string | undefined;
  runAs: string | undefined;
  setAside: boolean;
  tablespace: string[];
  set: [string, string][];
  reason: string | undefined;
}

/** Our own folder says nothing to a task on AWS. @throws InputInvalid */
function absolute(path: string, flag: string): string {
  if (isAbsolute(path)) return path;
  throw new InputInvalid(flag, path, 'an absolute path, since a task of the stack restores', 'or add --direct');
}

function splitMapping(mapping: string, place: (path: string, flag: string) => string): [string, string] {
  const at = mapping.lastIndexOf('=');
  if (at < 1) throw new InputInvalid('--tablespace', mapping, 'old=new');
  return [mapping.slice(0, at), place(mapping.slice(at + 1), '--tablespace')];
}

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

const binDirOf = ({ binDir }: { binDir: string | undefined }, { cwd }: CommandContext): string | undefined =>
  binDir === undefined ? undefined : resolve(cwd, binDir);

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
    if (progress.phase === 'replay')
      this.#output.note(`replayed ${progress.fetchedFiles} WAL file${progress.fetchedFiles === 1 ? '' : 's'}`);
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
    if (isTrouble(line)) this.#output.note(`server: ${line}`);
  }

  end(): void {
    this.#bar?.end();
    this.#bar = undefined;
  }
}
