import type { Instance } from '@aws-sdk/client-ec2';
import { FenceFailed } from '#failover/failures';
import type { ControlFacts, ServerControl } from '#failover/server-control';
import type { FenceFacts } from '#failover/site-facts';
import type { FenceMemory, FenceOutcome } from '#failover/site-server';
import type { Control } from '#model/failover-site';
import { formatLsn, type Lsn, parseLsn } from '#model/lsn';
import type { Environment } from '#runtime/environment';
import { askUntil, type Pause } from './ask-until.ts';
import { type Ec2Instance, openEc2Instance } from './ec2-instance.ts';

/*
 * A server of our own on a machine of EC2: the machine is stopped, which holds whatever the server does. It holds until somebody
 * starts the machine: unlike a data directory, it cannot be marked from outside. So the server is told by SQL first, where it
 * answers, to be read-only by default, and that outlives the stop: who starts it finds a primary that refuses clients which
 * follow the rules. An Auto Scaling group that the machine belongs to takes a stopped one for ill, ends it and makes another
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html): the facts name the group.
 */

export type Ec2Control = Extract<Control, { kind: 'ec2' }>;

export interface Ec2Options {
  environment: Environment;
  /** the same server by SQL */
  soft: ServerControl;
  pause?: Pause;
}

interface Machine extends Ec2Control {
  ec2: Ec2Instance;
  soft: ServerControl;
  pause: Pause | undefined;
}

export function controlEc2(control: Ec2Control, { environment, soft, pause }: Ec2Options): ServerControl {
  const ec2 = openEc2Instance(control.instance, control.region, environment);
  const machine: Machine = { ...control, ec2, soft, pause };
  return {
    look: (signal) => look(machine, signal),
    memory: (signal) => memoryOf(machine, signal),
    fence: (options) => asFenceFailed(machine, options.signal, () => fence(machine, options)),
    unfence: (memory, signal) => asFenceFailed(machine, signal, () => unfence(machine, memory, signal)),
  };
}

async function look({ ec2, region, instance }: Machine, signal: AbortSignal): Promise<ControlFacts> {
  try {
    const told = await ec2.describe(signal);
    if (!told) {
      const how = `EC2 in ${region} has no machine ${instance}`;
      return { runs: null, exists: null, fence: { strength: 'hard', fenced: false, possible: false, how } };
    }
    const state = stateOf(told);
    return { runs: !isOff(state), exists: state === 'terminated' ? false : null, fence: fenceOf(told) };
  } catch (failure) {
    const how = (failure as Error).message;
    return { runs: null, exists: null, fence: { strength: 'hard', fenced: false, possible: false, how } };
  }
}

function fenceOf(told: Instance): FenceFacts {
  const state = stateOf(told);
  const group = told.Tags?.find(({ Key }) => Key === 'aws:autoscaling:groupName')?.Value;
  const replaced = group === undefined ? '' : `; the Auto Scaling group ${group} may end it and make another`;
  if (state === 'terminated')
    return { strength: 'hard', fenced: true, possible: true, how: 'its machine is terminated' };
  const how = state === 'stopped' ? stopped : 'by stopping its machine';
  return { strength: 'hard', fenced: state === 'stopped', possible: true, how: how + replaced };
}

const stopped = 'its machine is stopped; whoever starts it again starts a primary';
const stateOf = ({ State: state }: Instance): string => state?.Name ?? 'unknown';
const isOff = (state: string): boolean => state === 'stopped' || state === 'terminated';

/** What the server itself is asked for is left out when it is silent. */
async function memoryOf({ ec2, soft }: Machine, signal: AbortSignal): Promise<FenceMemory> {
  const told = await ec2.describe(signal);
  const asked = await soft.memory(signal).catch(() => undefined);
  signal.throwIfAborted();
  return { ...asked, machine: told ? stateOf(told) : 'unknown', answered: asked !== undefined };
}

/** Where the WAL ended, and in which run of the machine that was: a stop from later has another end. */
const endTag = 'lifeboat:end';
const runOf = ({ LaunchTime: began }: Instance): string => began?.toISOString() ?? 'unknown';

async function fence(
  machine: Machine,
  { gently, signal }: { gently: boolean; signal: AbortSignal },
): Promise<FenceOutcome> {
  const { ec2, soft } = machine;
  const before = await described(machine, signal);
  if (isOff(stateOf(before)))
    return { strength: 'hard', how: fenceOf(before).how, end: knownEnd(machine, before, gently) };
  let end: Lsn | null = null;
  try {
    end = (await soft.fence({ gently, signal })).end;
  } catch (failure) {
    // it is stopped all the same, unless nothing may be lost
    if (gently || signal.aborted) throw failure;
  }
  if (end !== null) await ec2.tag(endTag, `${formatLsn(end)} ${runOf(before)}`, signal);
  await stop(machine, signal);
  const after = fenceOf(await described(machine, signal));
  if (!after.fenced) throw failed(machine, 'somebody has started it again');
  return { strength: 'hard', how: after.how, end };
}

function knownEnd(machine: Machine, told: Instance, gently: boolean): Lsn | null {
  const [end, run] = told.Tags?.find(({ Key }) => Key === endTag)?.Value?.split(' ') ?? [];
  if (end !== undefined && run === runOf(told)) return parseLsn(end, endTag);
  if (!gently) return null;
  throw failed(machine, 'its machine is stopped already, and where its WAL ends was not written down', switchOverAgain);
}

const switchOverAgain = 'start the machine, and the switchover again';
const everyMs = 5_000;
/** An operating system that does not end within this time is not waited for. */
const politeMs = 2 * 60_000;
const forcedMs = 6 * 60_000;

async function stop(machine: Machine, signal: AbortSignal): Promise<void> {
  const { ec2, pause } = machine;
  for (const [force, forMs] of [
    [false, politeMs],
    [true, forcedMs],
  ] as const) {
    let isAsked = false;
    const ask = async () => {
      if (!isAsked) isAsked = await ec2.stop({ force }, signal);
      return isOff(stateOf(await described(machine, signal))) ? true : undefined;
    };
    if (await askUntil(ask, { everyMs, forMs, ...(pause && { pause }) }, signal)) return;
  }
  throw failed(machine, `its machine did not stop within ${(politeMs + forcedMs) / 60_000} minutes, forced in the end`);
}

async function unfence(machine: Machine, memory: FenceMemory, signal: AbortSignal): Promise<void> {
  const { ec2, soft, pause } = machine;
  if (memory.machine !== 'running' && memory.machine !== 'pending') return; // it did not run before
  let isAsked = false;
  const runs = async () => {
    const state = stateOf(await described(machine, signal));
    if (state === 'running') return true;
    if (state === 'terminated') throw failed(machine, 'its machine is terminated', 'restore it from the bucket');
    if (state === 'stopped' && !isAsked) isAsked = await ec2.start(signal);
    return undefined;
  };
  const pace = { everyMs, forMs: forcedMs, ...(pause && { pause }) };
  if (!(await askUntil(runs, pace, signal))) throw failed(machine, 'its machine did not start');
  if (memory.answered !== true) return;
  let last: unknown;
  const answers = async () => {
    try {
      await soft.unfence(memory, signal);
      return true;
    } catch (failure) {
      last = failure; // the server comes up some time after its machine
      return undefined;
    }
  };
  if (!(await askUntil(answers, pace, signal))) throw last;
}

async function described(machine: Machine, signal: AbortSignal): Promise<Instance> {
  const told = await machine.ec2.describe(signal);
  if (told) return told;
  throw failed(
    machine,
    `EC2 in ${machine.region} has no such machine`,
    'check control.instance and region in the plan',
  );
}

const failed = ({ instance }: Machine, why: string, hint?: string): FenceFailed =>
  new FenceFailed(`the machine ${instance} is not as it has to be: ${why}`, {
    ...{ operation: 'fence', subject: instance },
    hint: hint ?? 'look at the machine in the console of EC2',
  });

async function asFenceFailed<T>(machine: Machine, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (failure instanceof FenceFailed || signal.aborted) throw failure;
    const { message, hint } = failure as { message: string; hint?: string };
    const detail = { operation: 'fence', subject: machine.instance, cause: failure };
    throw new FenceFailed(message, { ...detail, ...(hint !== undefined && { hint }) });
  }
}
