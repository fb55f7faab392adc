import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { executionArn } from '#model/arn';
import { type NoticeInput, printNotice } from '#model/notice';
import type { Plan } from '#model/plan';
import { plannedSchedules } from '#model/planned-schedules';
import { type DeadEvent, eventDead, executionDied } from '#notify/daemon-notice';
import type { Environment } from '#runtime/environment';
import { provideWorld } from '#runtime/function-world';
import { pushing } from '#runtime/measure';
import { openBucket } from '#runtime/open-bucket';
import { releaseMemory, thisProcess } from '#runtime/this-process';
import type { ObjectStore } from '#store/object-store';
import { taskNames } from '#tasks/task-table';
import { systemClock } from './clock.ts';
import { beginRun } from './daemon-mark.ts';
import { daemonReport, type Working } from './daemon-report.ts';
import { type Engine, openEngine } from './engine.ts';
import { EventOutbox } from './event-outbox.ts';
import { readEventRules } from './event-rules.ts';
import { EventSweep } from './event-sweep.ts';
import type { Execution } from './executions.ts';
import { invokeOrThrow } from './invoke-function.ts';
import { localFunctions } from './local-functions.ts';
import type { LocalLog } from './local-log.ts';
import { localSubstitutions } from './local-substitutions.ts';
import { loadMachines } from './machine-definitions.ts';
import { type NoticeOutbox, openNoticeOutbox } from './notice-outbox.ts';
import { recordEnd, recordEnds } from './record-ends.ts';
import { scheduleFile } from './schedule-store.ts';
import { Scheduler } from './scheduler.ts';
import { withAlarm } from './start-alarm.ts';
import { localStarter, startForEvent, startForSchedule } from './start-target.ts';
import { openStateDirectory, type StateDirectory } from './state-directory.ts';
import { TaskProcesses } from './task-processes.ts';
import { tellEnd } from './tell-end.ts';

export interface DaemonOptions {
  plan: Plan;
  /** absolute */
  planPath: string;
  stateDirectory: string;
  environment: Environment;
  /** of the endpoint; 0: one that is free */
  port: number;
  log: LocalLog;
  /** ends it */
  signal: AbortSignal;
  /** told once everything runs */
  onReady(endpoint: { url: string; credentialsFile: string }): void;
}

/**
 * The plan at work on one machine, until the signal is given:
 *
 *     lock → endpoint → what was interrupted goes on → receivers → events, schedules
 *     signal → nothing new begins → receivers stop → executions and tasks are left to the next daemon → unlock
 *
 * When it is killed, the next one finds everything: executions in their journals, tasks under their supervisors,
 * receivers by their names, events and notices in their folders.
 * @throws AlreadyRunning when another daemon works in the state directory; what opening the bucket and the key throws
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { plan, planPath, log } = options;
  const state = await openStateDirectory(options.stateDirectory);
  // what we put ourselves is nothing that anybody waits for
  const vault = await openBucket(plan, options.environment);
  const environment = {
    // what a task has compiled once, the next one starts with
    NODE_COMPILE_CACHE: join(state.path, 'compile-cache'),
    ...options.environment,
    LIFEBOAT_PLAN: planPath,
    LIFEBOAT_EVENTS: state.events,
  };
  const working = Promise.withResolvers<Working>();
  const recordHere = { store: vault.store, plan, log };
  const onEnd = (execution: Execution) => recordEnd(execution, recordHere);
  const engine = await openDaemonEngine({ ...options, environment }, state, { working: working.promise, onEnd });
  try {
    const invoke = (name: string, event: object) => invokeOrThrow(engine.functions, name, event);
    const notices = await openNoticeOutbox({ folder: state.notices, log, invoke: (event) => invoke('tell', event) });
    const publish = (notice: NoticeInput) => notices.publish(printNotice(notice), randomUUID());
    provideWorld({
      plan,
      vault,
      environment,
      now: () => new Date(),
      publish,
      measure: await pushing(plan, { environment, onFailure: (reason) => log.warn(reason) }),
      stepFunctions: {
        async sendTaskSuccess(token, output) {
          const { tokens } = engine;
          const sent = JSON.parse(JSON.stringify(output));
          const isTaken = (await tokens.sendSuccess(token, sent)) === 'taken';
          return isTaken || (await tokens.hasSucceededWith(token, sent)) ? 'taken' : 'nobody waits';
        },
      },
      executions: localStarter(engine),
    });
    const scheduler = new Scheduler({
      schedules: plannedSchedules(plan),
      store: scheduleFile(state.schedules, { clock: systemClock, log }),
      start: withAlarm(startForSchedule(engine), { publish, clock: systemClock }),
      isRunning: async (name, { stateMachine }) =>
        (await engine.executions.find(executionArn(stateMachine, name)))?.status === 'RUNNING',
      clock: systemClock,
      log,
    });
    const processes = new TaskProcesses({ folder: state.tasks, environment });
    working.resolve({ engine, notices, scheduler, processes });
    await work(options, { engine, notices, scheduler, state, store: vault.store });
  } finally {
    await engine.close();
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const machineNames = [
  'backup',
  'drill',
  'dump',
  'failback',
  'failover',
  'rds-restore',
  'rds-snapshot',
  'restore',
  'retention',
  'scrub',
  'system-recovery',
  'verify',
];

/** What notices are given for being told at a clean stop. */
const drainMs = 5_000;

async function openDaemonEngine(
  { planPath, environment, port, log }: DaemonOptions,
  state: StateDirectory,
  { working, onEnd }: { working: Promise<Working>; onEnd(execution: Execution): Promise<void> },
): Promise<Engine> {
  const names = { functions: Object.keys(localFunctions), machines: machineNames, tasks: taskNames };
  return openEngine({
    state,
    machines: await loadMachines(join(root, 'statemachines'), localSubstitutions(names)),
    functions: {
      ...localFunctions,
      'daemon-status': async () => ({ handler: async () => daemonReport(await working) }),
    },
    tasks: taskNames,
    taskProgram: join(root, 'tasks/run-task.ts'),
    cwd: dirname(planPath),
    environment,
    publish: async (message, dedupeId) => (await working).notices.publish(message, dedupeId),
    async onEnd(execution) {
      tellEnd(execution, log);
      const notice = executionDied(execution);
      if (notice)
        await (await working).notices.publish(printNotice(notice), `${execution.arn} ${execution.startDate} died`);
      await onEnd(execution);
    },
    port,
    pid: thisProcess().pid,
    log,
  });
}

interface Parts {
  engine: Engine;
  notices: NoticeOutbox;
  scheduler: Scheduler;
  state: StateDirectory;
  store: ObjectStore;
}

/** Everything that runs at the same time. What fails here ends the daemon: it must not seem to work and not do so. */
async function work(options: DaemonOptions, { engine, notices, scheduler, state, store }: Parts): Promise<void> {
  const { plan, log, onReady } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const run = await beginRun(state.path, new Date());
  const resumed = await engine.resume();
  const publish = (notice: NoticeInput) => notices.publish(printNotice(notice), randomUUID());
  await run.tell(resumed, { log, publish });
  for (const { name } of plan.sources) {
    engine.services.keep({ name: `receive-${name}`, task: 'receive-wal', input: { source: name } });
  }
  await engine.services.stopOthers();
  const sources = plan.sources.map(({ name }) => name);
  const text = await readFile(join(root, 'statemachines/rules.json'), 'utf8');
  // of databases that RDS runs nothing arrives that has to be read back
  const rules = sources.length === 0 ? [] : readEventRules(text, store.url, sources);
  const deliver = startForEvent(engine);
  const tellDead = (event: DeadEvent) => publish(eventDead(event));
  const outbox = new EventOutbox({ folder: state.events, store, rules, deliver, tellDead, clock: systemClock, log });
  const sweepFile = join(state.path, 'sweep.json');
  const sweep = new EventSweep({ file: sweepFile, store, sources, outbox, clock: systemClock, log });
  onReady({ url: engine.endpoint.url, credentialsFile: state.awsCredentials });
  const parts = [
    outbox.run(signal),
    sweep.run(signal),
    scheduler.run(signal),
    forget(engine, log, signal),
    recordMissed(engine, { store, plan, log }, signal),
    tidy(engine, signal),
  ];
  for (const part of parts) part.catch((failure) => failed.abort(failure));
  await Promise.all(parts);
  const waiting = await notices.drain(drainMs);
  if (waiting > 0) log.warn(`${waiting} notices could not be told yet: they are after the next start`);
  await run.end();
}

/** As long as Step Functions remembers what has ended. */
const rememberedMs = 90 * 24 * 3_600_000;
const dayMs = 24 * 3_600_000;

async function forget(engine: Engine, log: LocalLog, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await engine
      .forget(new Date(Date.now() - rememberedMs))
      .catch((failure: Error) => log.warn(`what has ended long ago could not be removed: ${failure.message}`));
    await systemClock.sleep(dayMs, signal).catch(() => undefined); // the signal was given
  }
}

const missedMs = 3_600_000;

/** At the start, and when the bucket may answer again; a bucket that does not answer holds up no end. */
async function recordMissed(
  engine: Engine,
  place: Parameters<typeof recordEnds>[2],
  signal: AbortSignal,
): Promise<void> {
  const over = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  while (!signal.aborted) {
    const recorded = recordEnds(engine.executions, new Date(), place).catch((failure: Error) =>
      place.log.warn(`whether all that ended is in the evidence is not known: ${failure.message}`),
    );
    await Promise.race([recorded, over]);
    await systemClock.sleep(missedMs, signal).catch(() => undefined); // the signal was given
  }
}

const tidyMs = 20_000;

/** While nothing runs, memory that was needed meanwhile is given back: a hundredth of a second, three times a minute. */
async function tidy(engine: Engine, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await systemClock.sleep(tidyMs, signal).catch(() => undefined); // the signal was given
    if (engine.executions.list({ status: 'RUNNING' }).length === 0) releaseMemory();
  }
}
