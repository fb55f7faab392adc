import type { CommandContext } from '#cli/command';
import { followExecution } from '#cli/follow-execution';
import { openMachines, whoAsks } from '#cli/open-machines';

export interface AskedSnapshot {
  source: string;
  requestedBy: string | undefined;
  wait: boolean;
  state: string | undefined;
}

/** Let the machine take a snapshot of a database that RDS runs. @throws RemoteFailure when it fails; what openMachines throws */
export async function snapshotByMachine(asked: AskedSnapshot, context: CommandContext): Promise<void> {
  const machines = await openMachines(context, asked.state);
  try {
    const requestedBy = asked.requestedBy ?? (await whoAsks(context, machines));
    const arn = await machines.start('rds-snapshot', { source: asked.source, requestedBy });
    if (!asked.wait) return context.output.print(`started ${arn}`, { execution: arn });
    const { output: ended } = await followExecution(machines, arn, context);
    const { snapshot, sizeGiB, copies } = ended as { snapshot: string; sizeGiB: number; copies: { region: string }[] };
    const copied = copies.map(({ region }) => `, copied to ${region}`).join('');
    context.output.print(`snapshot ${snapshot} is there: ${sizeGiB} GiB${copied}`, {
      ...(ended as object),
      execution: arn,
    });
  } finally {
    machines.close();
  }
}
