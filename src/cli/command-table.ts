import type { CommandDefinition } from '#cli/command';

/** A command as the list of commands shows it. Its module is loaded when it is chosen, and no other. */
export interface CommandEntry {
  name: string;
  summary: string;
  load(): Promise<{ command: CommandDefinition }>;
}

export const commandTable: readonly CommandEntry[] = [
  { name: 'init', summary: 'write a plan and see whether the server is ready', load: () => import('#cli/init') },
];
