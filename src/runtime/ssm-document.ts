import {
  GetCommandInvocationCommand,
  type GetCommandInvocationResult,
  ListCommandsCommand,
  SendCommandCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import { RebuildFailed } from '#failover/failures';
import type { Control } from '#model/failover-site';
import { ConnectionFailed, type Failure } from '#model/failure';
import type { Environment } from '#runtime/environment';
import { askUntil, type Pause } from './ask-until.ts';
import { awsClientConfig } from './aws-client-config.ts';
import { unless } from './rds-instance.ts';
import { sendAws } from './send-aws.ts';

export interface DocumentRun {
  control: Extract<Control, { kind: 'ec2' }>;
  /** names and values that the document declares; no secrets: Systems Manager keeps them for 30 days, for all who may read it */
  parameters: Record<string, string>;
  environment: Environment;
  signal: AbortSignal;
  /** what Systems Manager says of it, each time that it says something else */
  onProgress?: (status: string) => void;
  pause?: Pause;
}

export interface DocumentOutcome {
  commandId: string;
  /** the end of what it printed */
  output: string;
}

/**
 * Run the plan's document on the machine and wait for its end, at most a day. A run of the same document that goes on there is
 * followed, instead of a second one beside it: so whoever was killed comes back to his own. When `signal` is aborted, it goes on.
 * @throws RebuildFailed with the end of what it printed
 */
export async function runDocument(run: DocumentRun): Promise<DocumentOutcome> {
  const { control, environment, signal } = run;
  if (control.rebuildDocument === undefined) {
    throw failed(run, 'the plan names no document that rebuilds it', {
      hint: 'say control.rebuildDocument in the plan: a document of Systems Manager that makes the server a standby',
    });
  }
  const client = new SSMClient({ ...awsClientConfig(environment, 'ssm'), region: control.region });
  try {
    const commandId = (await running(run, client)) ?? (await send(run, client));
    return await follow(run, client, commandId);
  } catch (failure) {
    if (failure instanceof RebuildFailed || signal.aborted) throw failure;
    const { message, hint } = failure as Failure;
    throw failed(run, message, { cause: failure, ...(hint !== undefined && { hint }) });
  }
}

const call = ({ control }: DocumentRun, action: string) => ({
  action: `ssm:${action}`,
  subject: `${control.rebuildDocument} on ${control.instance}`,
  place: `Systems Manager in ${control.region}`,
});

/** What is asked for with the same parameters: another rebuild is none of ours. */
async function running(run: DocumentRun, client: SSMClient): Promise<string | undefined> {
  const { control, parameters, signal } = run;
  const command = new ListCommandsCommand({
    InstanceId: control.instance,
    Filters: [
      { key: 'DocumentName', value: control.rebuildDocument },
      { key: 'ExecutionStage', value: 'Executing' },
    ],
  });
  const told = await sendAws(call(run, 'ListCommands'), signal, (how) => client.send(command, how));
  const names = Object.keys(parameters);
  return told.Commands?.find(({ Parameters: theirs = {} }) =>
    names.every((name) => theirs[name]?.length === 1 && theirs[name][0] === parameters[name]),
  )?.CommandId;
}

async function send(run: DocumentRun, client: SSMClient): Promise<string> {
  const { control, parameters, signal } = run;
  const command = new SendCommandCommand({
    DocumentName: control.rebuildDocument,
    InstanceIds: [control.instance],
    Parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [value]])),
    // to be delivered; how long it may run, the document says
    TimeoutSeconds: 600,
    Comment: 'lifeboat rebuilds a standby',
  });
  const told = await sendAws(call(run, 'SendCommand'), signal, (how) => client.send(command, how));
  return told.Command?.CommandId ?? '';
}

const [everyMs, forMs] = [5_000, 24 * 3_600_000];
/** A command is not known at once where it is asked about. */
const unknownMs = 60_000;
/** https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html */
const goesOn = new Set(['Pending', 'InProgress', 'Delayed', 'Cancelling']);

async function follow(run: DocumentRun, client: SSMClient, commandId: string): Promise<DocumentOutcome> {
  const { control, signal, onProgress, pause } = run;
  let [said, unknownForMs] = ['', 0];
  const ask = async (): Promise<GetCommandInvocationResult | undefined> => {
    const told = await invocation(run, client, { CommandId: commandId, InstanceId: control.instance });
    if (!told) {
      unknownForMs += everyMs;
      if (unknownForMs > unknownMs) throw failed(run, `Systems Manager does not know the command ${commandId}`);
      return undefined;
    }
    const status = told.StatusDetails || told.Status || 'unknown';
    if (status !== said) onProgress?.(status);
    said = status;
    return goesOn.has(told.Status ?? '') ? undefined : told;
  };
  const ended = await askUntil(ask, { everyMs, forMs, ...(pause && { pause }) }, signal);
  if (!ended) throw failed(run, `the command ${commandId} goes on for a day`);
  const output = tail(ended.StandardOutputContent);
  if (ended.Status === 'Success') return { commandId, output };
  throw unsuccessful(run, commandId, ended);
}

/** undefined: it is not known, or the service is out of order for a moment, which says nothing about the command. */
async function invocation(
  run: DocumentRun,
  client: SSMClient,
  which: { CommandId: string; InstanceId: string },
): Promise<GetCommandInvocationResult | undefined> {
  try {
    const command = new GetCommandInvocationCommand(which);
    return await unless('InvocationDoesNotExist', undefined, () =>
      sendAws(call(run, 'GetCommandInvocation'), run.signal, (how) => client.send(command, how)),
    );
  } catch (failure) {
    if (failure instanceof ConnectionFailed && !run.signal.aborted) return undefined;
    throw failure;
  }
}

function unsuccessful(run: DocumentRun, commandId: string, ended: GetCommandInvocationResult): RebuildFailed {
  const { Status: status = 'unknown', StatusDetails: details, ResponseCode: code } = ended;
  const printed = tail(ended.StandardErrorContent) || tail(ended.StandardOutputContent);
  const exit = code === undefined || code < 0 ? '' : ` (exit code ${code})`;
  const why = `the command ${commandId} ended as ${details || status}${exit}${printed === '' ? '' : `:\n${printed}`}`;
  return failed(run, why, { hint: hints[details ?? ''] ?? hints[status] ?? seeOutput });
}

const seeOutput = 'see what it printed, on the machine too; then start the rebuild again';
const noAgent = 'the agent of Systems Manager on the machine did not take it: see that the machine runs, and its agent';
const hints: Readonly<Record<string, string>> = {
  Undeliverable: noAgent,
  DeliveryTimedOut: noAgent,
  'Delivery Timed Out': noAgent,
  ExecutionTimedOut: 'raise the timeoutSeconds of the step in the document: a rebuild takes as long as its bytes',
  'Execution Timed Out': 'raise the timeoutSeconds of the step in the document: a rebuild takes as long as its bytes',
  TimedOut: 'raise the timeoutSeconds of the step in the document: a rebuild takes as long as its bytes',
  Cancelled: 'somebody cancelled it: start the rebuild again',
  AccessDenied: 'the role of whoever started it may not send this document to this machine',
  'Access Denied': 'the role of whoever started it may not send this document to this machine',
};

/** Its last lines, without what looks like a secret. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING */
const tail = (text = ''): string =>
  text
    .trim()
    .slice(-1_500)
    .replaceAll(/(\w+:\/\/[^\s:/@]*):[^\s@]*@/g, '$1:***@')
    .replaceAll(/((?:pass(?:word|wd)?|secret|token|key)\w*\s*[=:]\s*)('[^']*'|"[^"]*"|\S+)/gi, '$1***');

const failed = (
  { control }: DocumentRun,
  why: string,
  detail: { hint?: string; cause?: unknown } = {},
): RebuildFailed =>
  new RebuildFailed(`${control.instance} in ${control.region} is not rebuilt: ${why}`, {
    ...{ operation: 'rebuild', subject: control.instance, hint: seeOutput, ...detail },
  });
